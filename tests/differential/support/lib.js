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

class Vault {
  #held;
  constructor(held) {
    this.#held = held;
  }
  open() {
    return this.#held;
  }
}

class Bag extends Map {
  total() {
    let sum = 0;
    for (const value of this.values()) sum += value;
    return sum;
  }
}

class Stack extends Array {
  top() {
    return this[this.length - 1];
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

class Sketch {
  #seed;

  constructor(seed, of) {
    this.#seed = seed;
    this.of = of;
    this.draw = (n) => burn(n, this.#seed);
  }
}

/** Makes what no message can carry; changes `of` where it is a point. */
function sketch(seed, of) {
  const drawn = burn(400, seed);
  if (of instanceof Point) of.moved(1);
  if (seed % 7 === 6) throw new AppError('no sketch', seed);
  return new Sketch(drawn, of);
}

/** `make` may be a function of the module. */
function finish(drawn, make, of) {
  if (drawn.of !== undefined) drawn.of.x += 1;
  const last = drawn.draw(300);
  if (last % 5 === 4) throw new RangeError(`no end ${last % 100}`);
  const made = typeof make === 'function' ? new make(last % 10, 1) : make;
  return [last, made, of, drawn.of === of];
}

const note = (out) => (out.push('noted'), out);

module.exports = {
  AppError, Point, Named, Vault, Bag, Stack, burn, hash, show, sleep, fail, wrap, query, send, track, settled, sketch, finish, note,
};
