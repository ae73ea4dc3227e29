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
const { h0 } = require('./helpers.js');
const tiny = require('tiny');
const DATA = path.join(__dirname, 'data.txt');
const als = new AsyncLocalStorage();
const print = (text, more) => console.log('p1026 ' + text + ' ' + more);
const PORTS = JSON.parse(process.argv[2]).p1026;
const st0 = (() => { let c = 0; const log = []; return { inc: (k) => { c += k; }, note: (k) => log.push(k), get: () => [c, log.length] }; })();
const st1 = { left: { v: 0 }, right: { v: 0 } };
st1.left.other = st1.right;
st1.right.other = st1.left;
const st2 = new WeakMap();
const st2_k = { key: 1 };
st2.set(st2_k, { c: 0 });
const app = tiny();
app.use(function (req, res, next) { res.setHeader('x-h1', 'mw'); next(); });
app.use(wrap(async (req, res, next) => { req.token = hash(req.url); await null; next(); }));
function before11(req, res, next) {
  const { id, b } = query(req);
  const out = [];
  out.push(burn(20, id));
  st2.get(st2_k).c += 1;
  req.before = out;
  next();
}
class Pages0 {
  constructor() { this.k = 7; }
  async page(req, res) {
    req.k = this.k;
    const { id, b } = query(req);
    const out = [];
    if (b % 4 === 2) {
      st2.get(st2_k).c += 1;
      out.push(show(await h0(id, b, { x: id })));
    }
    const r5 = await h0(id, b, { x: 1, self: null });
    out.push(show(r5));
    out.push(show((() => { const c = { id }; c.self = c; return c; })()));
    try {
      out.push(show(64));
      if (b === 3) throw Object.assign(new RangeError('r' + b), { code: 'E_R', status: 418 });
    }
    catch (e8) {
      out.push(fail(e8));
    }
    finally {
      try {
        await sleep(b % 3);
        if (b === 1) throw new Error('plain', { cause: id });
      }
      catch (e9) {
        out.push(fail(e9));
      }
    }
    if (b === 5) { res.statusCode = 204; return res.end(); }
    send(res, out);
  }
}
const pages0 = new Pages0();
app.get('/r0', before11, (req, res) => pages0.page(req, res));
function before17(req, res, next) {
  const { id, b } = query(req);
  const out = [];
  for (let i18 = 0; i18 < 3; i18++) {
    out.push(i18);
    if (b === 3) throw new AppError('c', 1, new Point(id, b));
  }
  next();
}
app.get('/r1', before17, (req, res) => {
  const { id, b } = query(req);
  const out = [];
  out.push(show(new Named(id, b, 'n' + b)));
  out.push(show((() => { const p = new Point(id, b); return [p, p, { p }]; })()));
  out.push(show(true));
  out.push(burn(5, id));
  process.nextTick(() => {
    out.push(show(Object.freeze({ id })));
    out.push(show(new Float32Array([id, 0.5])));
    h0(id, b, /x+/gi).catch(fail).then((v14) => {
      out.push(show(v14));
      out.push(show(48));
      res.writeHead(201, { 'x-count': out.length, 'content-type': 'text/plain' });
      res.end(out.join());
    });
  });
});
app.get('/state', (req, res) => send(res, [show({ st0: st0.get(), st1: [st1.left.v, st1.right.v, st1.left.other.v], st2: st2.get(st2_k) })]));
app.get('/settled', (req, res) => settled(() => res.end('settled')));
app.use((error, req, res, next) => { if (res.headersSent) return res.end('late ' + fail(error)); res.statusCode = error.status || 500; res.end(fail(error)); });
const server = http.createServer(app);
server.listen(PORTS.http, '127.0.0.1');
