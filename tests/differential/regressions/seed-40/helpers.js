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
const print = (text, more) => console.log('p40 ' + text + ' ' + more);
const PORTS = JSON.parse(process.argv[2]).p40;
const o_h0 = {
  async get(id, b, x) {
    const o = [];
    await new Promise((resolve) => fs.readFile(DATA, 'utf8', (err, text) => {
      o.push(err, text.length);
      o.push(show(Object.assign([id, b], { extra: 1 })));
      resolve();
    }));
    o.push(show(undefined));
    async function* g1(n) {
      for (let k = 0; k < n; k++) { if (k === 1) await null; yield k * id; }
    }
    for await (const k of g1(3)) o.push(k);
    return [x, x, o];
  },
};
async function h1(id, b, x) {
  const o = [];
  if (x && typeof x === 'object' && Object.isExtensible(x)) x.touched = id;
  o.push(show(await o_h0.get(id, b, new Point(id, b))));
  const fs5 = [];
  for (let i6 = 0; i6 < 3; i6++) fs5.push((k) => { i6 += 1; return k + i6 + b; });
  o.push(fs5.map((f) => f(id)).join(), fs5[1](b));
  return o;
}
function h2(id, b, x) {
  const o = [];
  if (x && typeof x === 'object' && typeof x.x === 'number') x.x += id;
  o.push(burn(2, id));
  return new Point(o.length, b);
}
module.exports = { o_h0, h1, h2 };
