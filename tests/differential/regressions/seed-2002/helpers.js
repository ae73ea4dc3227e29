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
const express = require('express');
const DATA = path.join(__dirname, 'data.txt');
const als = new AsyncLocalStorage();
const print = (text, more) => console.log('p2002 ' + text + ' ' + more);
const PORTS = JSON.parse(process.argv[2]).p2002;
class C_h0 {
  constructor(k) { this.k = k; }
  async run(id, b, x) {
    const o = [];
    if (b % 3 === 1) {
      for (let i1 = 0; i1 < 3; i1++) {
        o.push(i1);
        o.push(show(new Float32Array([id, 0.5])));
      }
    }
    o.push(this.k);
    return [x, x, o];
  }
}
const s_h0 = new C_h0(1);
function h1(id, b, x, tell) {
  setTimeout(() => {
    const o = [];
    o.push(show(undefined));
    o.push(show(new Point(id, b)));
    tell(null, undefined);
  });
}
async function h2(id, b, x) {
  const o = [];
  if (x && typeof x === 'object' && typeof x.x === 'number') x.x += id;
  const fs2 = [];
  for (let i3 = 0; i3 < 3; i3++) fs2.push((k) => { i3 += 1; return k + i3 + b; });
  o.push(fs2.map((f) => f(id)).join(), fs2[1](b));
  return o;
}
module.exports = { s_h0, h1, h2 };
