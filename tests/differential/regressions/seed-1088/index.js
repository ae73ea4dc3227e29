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
const { st0, S_st2, st3 } = require('./state.js');
const { h0 } = require('./helpers.js');
const tiny = require('tiny');
const DATA = path.join(__dirname, 'data.txt');
const als = new AsyncLocalStorage();
const print = (text, more) => console.log('p1088 ' + text + ' ' + more);
const PORTS = JSON.parse(process.argv[2]).p1088;
const app = tiny();
function route0(req, res) {
  const { id, b } = query(req);
  const out = [];
  const v1 = { x: id };
  delete v1.added;
  out.push(show(v1));
  if (b === 5) throw Object.assign(new RangeError('r' + b), { code: 'E_R', status: 418 });
  const parts = [];
  req.on('data', (part) => parts.push(part));
  req.on('end', () => {
    out.push(Buffer.concat(parts).length);
    out.push(show(12n * BigInt(id)));
    out.push(show(true));
    process.nextTick(() => {
      out.push(show(-0));
      out.push(show(NaN));
      res.end(out.join('\n'));
    });
  });
}
app.post('/r0', route0);
async function route1(req, res) {
  const { id, b } = query(req);
  const out = [];
  out.push(show(/x+/gi));
  let text = '';
  req.on('data', (part) => { text += part; });
  req.on('end', () => {
    out.push(JSON.parse(text).k.join());
    const fs5 = [];
    for (let i6 = 0; i6 < 3; i6++) fs5.push((k) => { i6 += 1; return k + i6 + b; });
    out.push(fs5.map((f) => f(id)).join(), fs5[1](b));
    crypto.pbkdf2('p' + id, 'salt', 3, 8, 'sha1', (e8, v9) => {
      out.push(v9.toString('hex'));
      out.push(show(Object.freeze({ id })));
      if (b === 5) { res.statusCode = 204; return res.end(); }
      send(res, out);
    });
  });
}
app.post('/r1', route1);
function make2(options, b0) {
  return (req, res) => {
    const k = options.k + b0;
    req.k = k;
    const { id, b } = query(req);
    const out = [];
    if (b === 5) throw new AppError('c', 1, new Point(id, b));
    const fs10 = [];
    for (let i11 = 0; i11 < 3; i11++) fs10.push((k) => { i11 += 1; return k + i11 + b; });
    out.push(fs10.map((f) => f(id)).join(), fs10[1](b));
    out.push(S_st2.total);
    for (const i12 in { p: 1, q: 2 }) {
      out.push(i12);
      if (!res.headersSent) res.setHeader('x-h0', String(b));
    }
    res.write('begin ');
    for (const line of out) res.write(String(line) + '\n');
    res.end('end');
  };
}
app.get('/r2', make2({ k: 4 }, 2));
function before24(req, res, next) {
  const { id, b } = query(req);
  const out = [];
  if (b % 2 === 0) {
    out.push(show((() => { const c = { id }; c.self = c; return c; })()));
    out.push(show(/x+/gi));
  }
  else {
    out.push(show(structuredClone({ id, d: new Date(0) })));
  }
  st0.add('s' + id % 4);
  next();
}
function make3(options, b0) {
  return (req, res) => {
    const k = options.k + b0;
    req.k = k;
    const { id, b } = query(req);
    const out = [];
    out.push(show(Symbol.for('s')));
    if (b % 3 === 0) {
      out.push(st0.size);
      try {
        out.push(show({ get sum() { return id + b; } }));
        if (b === 2) throw new AppError('bad ' + b, b, { id });
      }
      catch (e14) {
        out.push(fail(e14));
      }
    }
    setImmediate(() => {
      const fs15 = [];
      for (let i16 = 0; i16 < 3; i16++) fs15.push((k) => { i16 += 1; return k + i16 + b; });
      out.push(fs15.map((f) => f(id)).join(), fs15[1](b));
      const fs17 = [];
      for (let i18 = 0; i18 < 3; i18++) fs17.push((k) => { i18 += 1; return k + i18 + b; });
      out.push(fs17.map((f) => f(id)).join(), fs17[1](b));
      h0(id, b, null).catch(fail).then((v21) => {
        out.push(show(v21));
        out.push(show(structuredClone({ id, d: new Date(0) })));
        res.write(out.join());
        let t19 = 0;
        const step_t19 = () => { if (++t19 > 3) return res.end('.'); res.write('p' + t19); setTimeout(step_t19, 1); };
        step_t19();
      });
    });
  };
}
app.get('/r3', before24, make3({ k: 3 }, 2));
app.get('/state', (req, res) => send(res, [show({ st0: [...st0].map(String).sort(), st1: globalThis.st1, st2: [S_st2.total, S_st2.last], st3: st3.next().value })]));
app.get('/settled', (req, res) => settled(() => res.end('settled')));
app.use(function failed(error, req, res, next) { res.statusCode = 520; res.end('failed ' + fail(error)); });
const server = http.createServer(app);
server.listen(PORTS.http, '127.0.0.1');
