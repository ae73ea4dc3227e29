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
const { o_h0, h1, h2 } = require('./helpers.js');
const DATA = path.join(__dirname, 'data.txt');
const als = new AsyncLocalStorage();
const print = (text, more) => console.log('p40 ' + text + ' ' + more);
const PORTS = JSON.parse(process.argv[2]).p40;
function st0(k) { st0.calls = (st0.calls || 0) + k; return k; }
const st1 = (function* () { let i = 0; for (;;) yield i++; })();
const sec0 = crypto.randomUUID();
const sec0_hash = hash(sec0);
async function check_sec0(v) { burn(2); return [String(v) === String(sec0), hash(v) === sec0_hash]; }
function route0(req, res, next) {
  const { id, b } = query(req);
  const out = [];
  out.push(show([[], {}, [[]]]));
  let v7 = b;
  const f8 = () => v7 * 2;
  v7 = id;
  out.push(f8(), v7++, f8());
  fs.readFile(DATA, 'utf8', (e10, v11) => {
    out.push(e10, v11.length);
    st1.next();
    if (b % 3 === 1) {
      out.push(show(new AppError('made ' + id, b, { id })));
    }
    else {
      out.push(show(String(id).padStart(6, '0')));
    }
    send(res, out);
  });
}
async function route1(req, res, next) {
  const { id, b } = query(req);
  const out = [];
  out.push(show({ get sum() { return id + b; } }));
  out.push(burn(150, id));
  out.push(show(new Point(id, b)));
  st0(id % 3);
  throw new AppError('at the end', b, /x+/gi);
}
function route2(req, res, next) {
  const { id, b } = query(req);
  const out = [];
  out.push(show(h2(id, b, JSON.parse(JSON.stringify({ id, b: [b, { b }] })))));
  out.push(show(new Point(id, b)));
  if (b % 3 === 2) {
    out.push(show(structuredClone({ id, d: new Date(0) })));
  }
  out.push(st0.calls);
  h1(id, b, Symbol.for('s')).catch(fail).then((v14) => {
    out.push(show(v14));
    if (b % 2 === 0) {
      out.push(show(/x+/gi));
    }
    else {
      out.push(show((() => { const p = new Point(id, b); return [p, p, { p }]; })()));
    }
    send(res, out);
  });
}
function route3(req, res, next) {
  const { id, b } = query(req);
  const out = [];
  out.push(show(Symbol.for('s')));
  out.push(show({ [Symbol.for('tag')]: id, b }));
  try {
    out.push(show(structuredClone({ id, d: new Date(0) })));
    out.push(show(12n * BigInt(id)));
    if (b === 1) throw new TypeError('type ' + id);
  }
  catch (e15) {
    out.push(fail(e15));
  }
  h1(id, b, new Date(id * 1000)).catch(fail).then((v23) => {
    out.push(show(v23));
    out.push(show(46));
    for (let i16 = 0; i16 < 3; i16++) {
      out.push(i16);
      out.push(show(80));
    }
    o_h0.get(id, b, b).catch(fail).then((v21) => {
      out.push(show(v21));
      out.push(show(new Named(id, b, 'n' + b)));
      process.nextTick(() => {
        out.push(show(id));
        res.writeHead(201, { 'x-count': out.length, 'content-type': 'text/plain' });
        res.end(out.join());
      });
    });
  });
}
const routes = { '/r0': route0, '/r1': route1, '/r2': route2, '/r3': route3, '/state': (req, res) => send(res, [show({ st0: [st0.calls, st0.last], st1: st1.next().value })]), '/settled': (req, res) => settled(() => res.end('settled')) };
const server = http.createServer((req, res) => {
  const failed = (error) => { res.statusCode = 500; res.end(fail(error)); };
  const found = routes[req.url.split('?')[0]];
  if (found === undefined) { res.statusCode = 404; return res.end('nothing here'); }
  try { const told = found(req, res, failed); if (told && told.catch) told.catch(failed); } catch (error) { failed(error); }
});
server.listen(PORTS.http, '127.0.0.1');
const udp = dgram.createSocket('udp4');
udp.on('message', (message, from) => {
  const [id, b] = String(message).split(' ').map(Number);
  const out = [];
  out.push(burn(60, id));
  st1.next();
  out.push(show(Object.assign(Object.create(null), { id })));
  udp.send(out.map(String).join(';'), from.port, from.address);
});
udp.bind(PORTS.udp, '127.0.0.1');
