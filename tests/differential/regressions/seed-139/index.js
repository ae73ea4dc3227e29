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
const { st0, registry_st0, bump_st1, get_st1 } = require('./state.js');
const express = require('express');
const DATA = path.join(__dirname, 'data.txt');
const als = new AsyncLocalStorage();
const print = (text, more) => console.log('p139 ' + text + ' ' + more);
const PORTS = JSON.parse(process.argv[2]).p139;
class C_h0 {
  constructor(k) { this.k = k; }
  async run(id, b, x) {
    const o = [];
    o.push(show(Infinity));
    o.push(show(new TypeError('t' + b, { cause: id })));
    let v1 = b;
    const f2 = () => v1 * 2;
    v1 = id;
    o.push(f2(), v1++, f2());
    o.push(this.k);
    return x;
  }
}
const s_h0 = new C_h0(9);
async function h1(id, b, x) {
  const o = [];
  if (Array.isArray(x)) x.push({ id });
  o.push(show({ [Symbol.for('tag')]: id, b }));
  bump_st1(get_st1() % 3);
  try {
    st0.count += 1;
    if (b % 4 === 2) {
      await new Promise((resolve) => zlib.deflate(Buffer.from('z'.repeat(id % 40)), (err, packed) => {
        o.push(zlib.inflateSync(packed).length);
        print('line 3', b);
        const v4 = new Named(b, id, 'm');
        o.push(show({ get sum() { return id + b; } }));
        o.push(show(v4));
        resolve();
      }));
    }
    if (b === 4) throw new TypeError('type ' + id);
  }
  catch (e5) {
    o.push(fail(e5));
  }
  finally {
    const em6 = new EventEmitter();
    setImmediate(() => em6.emit('x', -0, id));
    o.push(show((await once(em6, 'x'))[1]));
  }
  return { o, x };
}
const app = express();
app.use(wrap(async (req, res, next) => { req.token = hash(req.url); await null; next(); }));
app.use((req, res, next) => { req.share = new Point(1, 2); res.on('finish', () => { req.share.x = 0; }); next(); });
function before15(req, res, next) {
  const { id, b } = query(req);
  const out = [];
  print('line 16', b);
  try {
    out.push(burn(400, id));
    out.push(show(Object.assign([id, b], { extra: 1 })));
    if (b === 4) throw new TypeError('type ' + id);
  }
  catch (e17) {
    out.push(fail(e17));
  }
  finally {
    if (b % 2 === 0) {
      globalThis.st2 = { c: st2.c, last: id };
      out.push(show(`t${id}`));
    }
    else {
      if (b % 2 === 1) {
        out.push(show(new Uint8Array([id % 256, b])));
        out.push(show(/x+/gi));
      }
    }
  }
  if (b === 5) return next(new AppError('stopped', b));
  next();
}
function make0(options, b0) {
  return async (req, res) => {
    const k = options.k + b0;
    req.k = k;
    const { id, b } = query(req);
    const out = [];
    await h1(id, b, b).then((v) => out.push(show(v)));
    out.push(get_st1());
    registry_st0.all[0].count += 2;
    res.write('begin ');
    for (const line of out) res.write(String(line) + '\n');
    res.end('end');
  };
}
app.get('/r0', before15, wrap(make0({ k: 4 }, 2)));
class Pages1 {
  constructor() { this.k = 7; }
  page(req, res) {
    req.k = this.k;
    const { id, b } = query(req);
    const out = [];
    out.push(burn(60, id));
    out.push(show(id));
    res.write(out.join());
    setImmediate(() => {
      res.end(' later');
    });
  }
}
const pages1 = new Pages1();
app.get('/r1', pages1.page.bind(pages1));
class Pages2 {
  constructor() { this.k = 7; }
  async page(req, res) {
    req.k = this.k;
    const { id, b } = query(req);
    const out = [];
    if (!res.headersSent) res.setHeader('x-h0', String(b));
    try {
      await new Promise((resolve) => crypto.pbkdf2('p' + id, 's', 2, 8, 'sha1', (err, key) => {
        out.push(key.toString('hex'));
        out.push(burn(2, id));
        out.push(show((() => { const c = { id }; c.self = c; return c; })()));
        resolve();
      }));
      await new Promise((resolve) => zlib.deflate(Buffer.from('z'.repeat(id % 40)), (err, packed) => {
        out.push(zlib.inflateSync(packed).length);
        if (b % 3 === 1) {
          if (b % 2 === 1) {
            out.push(show(new Point(id, b)));
          }
          else {
            out.push(show(12n * BigInt(id)));
          }
          out.push(registry_st0.main.items.length);
        }
        out.push(show(Object.entries({ id, b })));
        resolve();
      }));
      if (b === 2) throw new Error('plain', { cause: id });
    }
    catch (e19) {
      out.push(fail(e19));
    }
    try {
      const r20 = h1(id, b, Buffer.from('b' + id));
      const fs21 = [];
      for (let i22 = 0; i22 < 3; i22++) fs21.push((k) => { i22 += 1; return k + i22 + b; });
      out.push(fs21.map((f) => f(id)).join(), fs21[1](b));
      out.push(show(await r20));
    }
    catch (e23) {
      out.push(fail(e23));
    }
    const parts = [];
    for await (const part of req) parts.push(part);
    out.push(JSON.parse(Buffer.concat(parts).toString()).k.length);
    globalThis.st2 = { c: st2.c, last: id };
    registry_st0.main.count += 1;
    if (b === 5) { res.statusCode = 204; return res.end(); }
    send(res, out);
  }
}
const pages2 = new Pages2();
app.post('/r2', wrap(pages2.page.bind(pages2)));
class Pages3 {
  constructor() { this.k = 7; }
  page(req, res) {
    req.k = this.k;
    const { id, b } = query(req);
    const out = [];
    const v25 = { x: 1, self: null };
    const fs26 = [];
    for (let i27 = 0; i27 < 3; i27++) fs26.push((k) => { i27 += 1; return k + i27 + b; });
    out.push(fs26.map((f) => f(id)).join(), fs26[1](b));
    out.push(show(v25));
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => {
      out.push(Buffer.concat(parts).length);
      const fs28 = [];
      for (let i29 = 0; i29 < 3; i29++) fs28.push((k) => { i29 += 1; return k + i29 + b; });
      out.push(fs28.map((f) => f(id)).join(), fs28[1](b));
      fs.readFile(DATA, 'utf8', (e31, v32) => {
        out.push(e31, v32.length);
        out.push(registry_st0.all[0] === st0);
        Readable.from([...out.map((line) => String(line) + '\n'), 'piped']).pipe(res);
      });
    });
  }
}
const pages3 = new Pages3();
app.post('/r3', (req, res) => pages3.page(req, res));
app.get('/state', (req, res) => send(res, [show({ st0: [st0.count, st0.items], st1: get_st1(), st2: globalThis.st2 })]));
app.get('/settled', (req, res) => settled(() => res.end('settled')));
app.use(function failed(error, req, res, next) { res.statusCode = 520; res.end('failed ' + fail(error)); });
const server = http.createServer(app);
server.listen(PORTS.http, '127.0.0.1');
async function answer(line) {
  const [id, b] = line.split(' ').map(Number);
  const out = [];
  if (b % 3 === 0) {
    out.push(show({ id, b, list: [id, , b] }));
  }
  else {
    out.push(show({ get sum() { return id + b; } }));
  }
  out.push(show([[], {}, [[]]]));
  return out.map(String).join(';').replaceAll('\n', ' ');
}
const lines = net.createServer((socket) => {
  let rest = '';
  let last = Promise.resolve();
  socket.on('data', (data) => {
    const found = (rest + data).split('\n');
    rest = found.pop();
    for (const line of found) last = last.then(() => answer(line)).then((text) => socket.write(text + '\n'));
  });
  socket.on('error', () => {});
});
lines.listen(PORTS.tcp, '127.0.0.1');
const udp = dgram.createSocket('udp4');
udp.on('message', async (message, from) => {
  const [id, b] = String(message).split(' ').map(Number);
  const out = [];
  registry_st0.main.items.unshift(id);
  try {
    await h1(id, b, new Named(b, id, 'm')).then((v) => out.push(show(v)));
  }
  catch (e36) {
    out.push(fail(e36));
  }
  udp.send(out.map(String).join(';'), from.port, from.address);
});
udp.bind(PORTS.udp, '127.0.0.1');
