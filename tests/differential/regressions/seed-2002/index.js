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
const { s_h0, h1, h2 } = require('./helpers.js');
const express = require('express');
const DATA = path.join(__dirname, 'data.txt');
const als = new AsyncLocalStorage();
const print = (text, more) => console.log('p2002 ' + text + ' ' + more);
const PORTS = JSON.parse(process.argv[2]).p2002;
class S_st0 { static total = 0; static last = null; static add(k) { S_st0.total += k; } }
const app = express();
app.use(function (req, res, next) { res.setHeader('x-h1', 'mw'); next(); });
async function route0(req, res) {
  const { id, b } = query(req);
  const out = [];
  out.push(show(Infinity));
  print('line 4', b);
  if (b % 4 === 3) {
    const fs5 = [];
    for (let i6 = 0; i6 < 3; i6++) fs5.push((k) => { i6 += 1; return k + i6 + b; });
    out.push(fs5.map((f) => f(id)).join(), fs5[1](b));
  }
  else {
    const r7 = s_h0.run(id, b, new Point(id, b));
    out.push(show([[], {}, [[]]]));
    out.push(show(await r7));
  }
  out.push(show(await h2(id, b, { x: b, list: [id] })));
  res.writeHead(201, { 'x-count': out.length, 'content-type': 'text/plain' });
  res.end(out.join());
}
app.get('/r0', wrap(route0));
function before17(req, res, next) {
  const { id, b } = query(req);
  const out = [];
  const v18 = { x: b, list: [id] };
  const v19 = new Point(id, b);
  out.push(S_st0.total);
  out.push(show(v19));
  out.push(show(v18));
  if (b % 3 === 0) {
    out.push(req.method, req.url);
    out.push(burn(2, id));
  }
  else {
    out.push(show(new Error('outer', { cause: new AppError('inner', b) })));
  }
  req.before = out;
  next();
}
app.get('/r1', before17, wrap(async function named(req, res) {
  const { id, b } = query(req);
  const out = [];
  if (b % 2 === 1) {
    const v10 = new Point(id, b);
    await new Promise((resolve) => crypto.pbkdf2('p' + id, 's', 2, 8, 'sha1', (err, key) => {
      out.push(key.toString('hex'));
      if (!res.headersSent) { res.statusCode = 200 + b; out.push(res.statusCode); }
      resolve();
    }));
    out.push(show(v10));
  }
  else {
    out.push(burn(2, id));
  }
  const v11 = new Point(id, b);
  await s_h0.run(id, b, v11).catch((e) => out.push(fail(e)));
  out.push(show(v11), v11.norm?.());
  out.push(show(v11));
  if (b % 3 === 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  out.push(S_st0.total);
  for (const i12 in { p: 1, q: 2 }) {
    out.push(i12);
    const v13 = new Named(b, id, 'm');
    print('line 14', b);
    out.push(show(v13));
  }
  print('line 15', b);
  pipeline(Readable.from([out.join()]), zlib.createGzip(), res, () => {});
}));
function before22(req, res, next) {
  const { id, b } = query(req);
  const out = [];
  S_st0.add(2);
  next();
}
app.get('/r2', before22, wrap(async function named(req, res) {
  const { id, b } = query(req);
  const out = [];
  async function* g20(n) {
    for (let k = 0; k < n; k++) { if (k === 1) await null; yield k * id; }
  }
  for await (const k of g20(3)) out.push(k);
  if (b % 4 === 2) {
    out.push(show(String(id).padStart(6, '0')));
  }
  res.end(out.join('\n'));
}));
function before32(req, res, next) {
  const { id, b } = query(req);
  const out = [];
  S_st0.add(2);
  if (!res.headersSent) { res.statusCode = 200 + b; out.push(res.statusCode); }
  if (b === 5) return next(new AppError('stopped', b));
  next();
}
async function route3(req, res) {
  const { id, b } = query(req);
  const out = [];
  out.push(show(Buffer.from('b' + id)));
  if (b % 4 === 0) {
    const v23 = new Point(id, b);
    print('line 24', b);
    out.push(show(v23));
  }
  const r25 = h2(id, b, [id, b]);
  for (let i26 = 0; i26 < 3; i26++) {
    out.push(i26);
    const v27 = { x: id };
    delete v27.added;
    out.push(show(v27));
  }
  out.push(show(await r25));
  const fs28 = [];
  for (let i29 = 0; i29 < 3; i29++) fs28.push((k) => { i29 += 1; return k + i29 + b; });
  out.push(fs28.map((f) => f(id)).join(), fs28[1](b));
  for (let i30 = 0; i30 < 3; i30++) {
    out.push(i30);
    out.push(burn(400, id));
  }
  send(res, out);
}
app.get('/r3', before32, wrap(route3));
app.get('/state', (req, res) => send(res, [show({ st0: [S_st0.total, S_st0.last] })]));
app.get('/settled', (req, res) => settled(() => res.end('settled')));
app.use((error, req, res, next) => { if (res.headersSent) return res.end('late ' + fail(error)); res.statusCode = error.status || 500; res.end(fail(error)); });
const server = http.createServer(app);
server.listen(PORTS.http, '127.0.0.1');
