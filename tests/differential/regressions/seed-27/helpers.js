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
const print = (text, more) => console.log('p27 ' + text + ' ' + more);
const PORTS = JSON.parse(process.argv[2]).p27;
function make_h0(k) {
  const own = { k, at: [k] };
  return async (id, b, x) => {
    const o = [];
    if (x && typeof x === 'object' && typeof x.x === 'number') x.x += id;
    await new Promise((resolve) => process.nextTick(resolve));
    o.push(show({ x: id, nested: { deep: [{ b }] } }));
    o.push(k, show(own));
    return Symbol.for('s');
  };
}
const h0 = make_h0(8);
function h1(id, b, x) {
  const o = [];
  try {
    o.push(show(new Point(id, b)));
    if (b === 5) throw new AppError('bad ' + b, b, { id });
  }
  catch (e1) {
    o.push(fail(e1));
  }
  finally {
    for (const i2 of [b, id]) {
      o.push(i2);
      if (b % 2 === 0) {
        o.push(show(/x+/gi));
      }
      else {
        o.push(show(true));
      }
    }
  }
  o.push(show(true));
  o.push(show(new Uint8Array([id % 256, b])));
  return [x, x, o];
}
class C_h2 {
  constructor(k) { this.k = k; }
  async run(id, b, x) {
    const o = [];
    if (b % 2 === 1) {
      await sleep(1);
      o.push(show(60));
    }
    await new Promise((resolve) => fs.readFile(DATA, 'utf8', (err, text) => {
      o.push(err, text.length);
      o.push(show(String(id).padStart(6, '0')));
      resolve();
    }));
    o.push(this.k);
    return { o, x };
  }
}
const s_h2 = new C_h2(5);
const h2 = s_h2.run.bind(s_h2);
module.exports = { h0, h1, h2 };
