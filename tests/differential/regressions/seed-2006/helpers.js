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
const DATA = path.join(__dirname, 'data.txt');
const als = new AsyncLocalStorage();
const print = (text, more) => console.log('p2006 ' + text + ' ' + more);
const PORTS = JSON.parse(process.argv[2]).p2006;
function h0(id, b, x, tell) {
  process.nextTick(() => {
    const o = [];
    o.push(show(new Date(id * 1000)));
    const v1 = { x: b, list: [id] };
    o.push(show(Object.freeze({ id })));
    o.push(show(v1));
    tell(null, undefined);
  });
}
function make_h1(k) {
  const own = { k, at: [k] };
  return async (id, b, x) => {
    const o = [];
    print('line 2', b);
    await new Promise((resolve) => crypto.pbkdf2('p' + id, 's', 2, 8, 'sha1', (err, key) => {
      o.push(key.toString('hex'));
      print('line 3', b);
      resolve();
    }));
    const fs4 = [];
    for (let i5 = 0; i5 < 3; i5++) fs4.push((k) => { i5 += 1; return k + i5 + b; });
    o.push(fs4.map((f) => f(id)).join(), fs4[1](b));
    o.push(k, show(own));
    return [x, x, o];
  };
}
const h1 = make_h1(9);
function h2(id, b, x) {
  const o = [];
  o.push(show(id * b));
  o.push(burn(60, id));
  return o;
}
module.exports = { h0, h1, h2 };
