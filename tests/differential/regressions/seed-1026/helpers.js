'use strict';
const http = require('node:http');
const net = require('node:net');
const dgram = require('node:dgram');
const fs = require('node:fs');
const crypto = require('node:crypto');
const zlib = require('node:zlib');
const path = require('node:path');
const { EventEmitter, once } = require('node:events');
const { Readable, pipeline } = require('node:stream');
const { AsyncLocalStorage } = require('node:async_hooks');
const { AppError, Point, Named, burn, hash, show, sleep, fail, wrap, query, send, track, settled } = require('./lib.js');
const tiny = require('tiny');
const DATA = path.join(__dirname, 'data.txt');
const als = new AsyncLocalStorage();
const print = (text, more) => console.log('p1026 ' + text + ' ' + more);
const PORTS = JSON.parse(process.argv[2]).p1026;
class C_h0 {
  constructor(k) { this.k = k; }
  async run(id, b, x) {
    const o = [];
    if (x && typeof x === 'object' && typeof x.x === 'number') x.x += id;
    o.push(show(id));
    await new Promise((resolve) => process.nextTick(resolve));
    try {
      await null;
      if (b === 2) throw new TypeError('type ' + id);
    }
    catch (e1) {
      o.push(fail(e1));
    }
    o.push(this.k);
    return undefined;
  }
}
const s_h0 = new C_h0(6);
const h0 = s_h0.run.bind(s_h0);
module.exports = { h0 };
