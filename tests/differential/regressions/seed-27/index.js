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
const { h0, h1, h2 } = require('./helpers.js');
const tiny = require('tiny');
const DATA = path.join(__dirname, 'data.txt');
const als = new AsyncLocalStorage();
const print = (text, more) => console.log('p27 ' + text + ' ' + more);
const PORTS = JSON.parse(process.argv[2]).p27;
const st0 = { a: 0, deep: { list: [], m: {} } };
const st0_al = st0.deep;
const st1 = { a: 0, deep: { list: [], m: {} } };
const st1_al = st1.deep;
const app = tiny();
function before5(req, res, next) {
  const { id, b } = query(req);
  const out = [];
  out.push(show(Symbol.for('s')));
  out.push(Object.keys(st1.deep.m).length);
  if (b === 5) return next(new AppError('stopped', b));
  next();
}
class Pages0 {
  constructor() { this.k = 7; }
  async page(req, res) {
    req.k = this.k;
    const { id, b } = query(req);
    const out = [];
    const r3 = h0(id, b, [[], {}, [[]]]);
    out.push(show(12n * BigInt(id)));
    out.push(show(await r3));
    st0.deep.m['k' + id] = id % 5;
    await new Promise((resolve) => setImmediate(resolve));
    res.write(out.join());
    setImmediate(() => {
      res.end(' later');
    });
  }
}
const pages0 = new Pages0();
app.get('/r0', before5, pages0.page.bind(pages0));
class Pages1 {
  constructor() { this.k = 7; }
  page(req, res) {
    req.k = this.k;
    const { id, b } = query(req);
    const out = [];
    for (const i6 in { p: 1, q: 2 }) {
      out.push(i6);
      try {
        st0.deep.m['k' + id] = id % 5;
        if (b === 4) throw new Error('plain', { cause: id });
      }
      catch (e7) {
        out.push(fail(e7));
      }
    }
    st1.a += 1;
    out.push(show(id));
    out.push(req.method, req.url);
    out.push(st0.a);
    res.setHeader('set-cookie', ['a=' + b, 'c=1']);
    res.statusMessage = 'Fine';
    res.end(Buffer.from(out.join('|')));
  }
}
const pages1 = new Pages1();
app.get('/r1', pages1.page.bind(pages1));
app.get('/state', (req, res) => send(res, [show({ st0: [st0.a, st0.last, st0.deep.list, Object.entries(st0_al.m).sort()], st1: [st1.a, st1.last, st1.deep.list, Object.entries(st1_al.m).sort()] })]));
app.get('/settled', (req, res) => settled(() => res.end('settled')));
app.use(function failed(error, req, res, next) { res.statusCode = 520; res.end('failed ' + fail(error)); });
const server = http.createServer(app);
server.listen(PORTS.http, '127.0.0.1');
