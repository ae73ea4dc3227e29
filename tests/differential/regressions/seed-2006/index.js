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
const DATA = path.join(__dirname, 'data.txt');
const als = new AsyncLocalStorage();
const print = (text, more) => console.log('p2006 ' + text + ' ' + more);
const PORTS = JSON.parse(process.argv[2]).p2006;
let st0 = { v: 1, list: [] };
const st1 = { items: [], count: 0 };
const registry_st1 = { main: st1, all: [st1] };
let st2 = { v: 1, list: [] };
async function route0(req, res, next) {
  const { id, b } = query(req);
  const out = [];
  out.push(show(Object.assign([id, b], { extra: 1 })));
  await h1(id, b, new Named(id, b, 'n' + b)).then((v) => out.push(show(v)));
  out.push(burn(20, id));
  out.push(show(new Point(id, b)));
  const r10 = await h1(id, b, new Point(id, b));
  out.push(show(r10));
  const v11 = { x: 1, self: null };
  if (b % 4 === 3) {
    out.push(show(await h1(id, b, { x: v11.x, of: v11 })));
  }
  else {
    registry_st1.all[0].count += 2;
  }
  out.push(show(v11));
  res.end(out.join('\n'));
}
function route1(req, res, next) {
  const { id, b } = query(req);
  const out = [];
  out.push(show(undefined));
  out.push(show(req.headers['x-k']), req.httpVersion);
  Readable.from([...out.map((line) => String(line) + '\n'), 'piped']).pipe(res);
}
const routes = { '/r0': route0, '/r1': route1, '/state': (req, res) => send(res, [show({ st0: st0, st1: [st1.count, st1.items], st2: st2 })]), '/settled': (req, res) => settled(() => res.end('settled')) };
const server = http.createServer((req, res) => {
  const failed = (error) => { res.statusCode = 500; res.end(fail(error)); };
  const found = routes[req.url.split('?')[0]];
  if (found === undefined) { res.statusCode = 404; return res.end('nothing here'); }
  try { const told = found(req, res, failed); if (told && told.catch) told.catch(failed); } catch (error) { failed(error); }
});
server.listen(PORTS.http, '127.0.0.1');
