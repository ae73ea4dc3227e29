'use strict';
const util = require('node:util');
const crypto = require('node:crypto');

class AppError extends Error {
  constructor(message, code, extra) {
    super(message);
    this.name = 'AppError';
    this.code = code;
    if (extra !== undefined) this.extra = extra;
  }
}

class Point {
  constructor(x, y) {
    this.x = x;
    this.y = y;
  }
  norm() {
    return Math.hypot(this.x, this.y).toFixed(3);
  }
  moved(by) {
    this.x += by;
    return this;
  }
}

class Named extends Point {
  constructor(x, y, name) {
    super(x, y);
    this.name = name;
  }
  get title() {
    return `${this.name}(${this.norm()})`;
  }
}

function burn(n, seed = 1) {
  let x = seed | 0;
  for (let i = 0; i < n * 1000; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
  return x >>> 0;
}

const hash = (text) => crypto.createHash('sha256').update(String(text)).digest('hex').slice(0, 12);
const frames = /\n\s+at [^\n]*|\n\s+\.\.\. \d+ lines matching[^\n]*/g;
const show = (value) => util.inspect(value, { depth: 8, breakLength: Infinity, maxArrayLength: 50 }).replace(frames, '');
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function fail(error) {
  if (!(error instanceof Error)) return `thrown ${show(error)}`;
  const kind = error instanceof AppError ? 'app' : error instanceof TypeError ? 'type' : 'error';
  const cause = error.cause === undefined ? '' : ` because ${error.cause instanceof Error ? fail(error.cause) : show(error.cause)}`;
  return `${kind} ${error.name} ${error.message} ${error.code} ${show(error.extra)}${cause}`;
}

const wrap = (handler) => (req, res, next) => Promise.resolve(handler(req, res, next)).catch(next);

function query(req) {
  const url = new URL(req.url, 'http://localhost');
  return { path: url.pathname, id: Number(url.searchParams.get('id')), b: Number(url.searchParams.get('b')) };
}

function send(res, out) {
  res.setHeader('content-type', 'text/plain');
  res.end(out.join('\n'));
}

let open = 0;
const waiting = [];

function track(start) {
  open += 1;
  start(() => {
    open -= 1;
    if (open === 0) for (const tell of waiting.splice(0)) tell();
  });
}

function settled(tell) {
  if (open === 0) tell();
  else waiting.push(tell);
}

module.exports = { AppError, Point, Named, burn, hash, show, sleep, fail, wrap, query, send, track, settled };
