// @ts-check
'use strict';

/**
 * What invocations are called with, return and capture: class, size, and whether it could travel.
 *
 * Looked at in a function's first invocations and rarely afterwards. Sizes estimate an encoding; they and
 * the reason why something cannot travel come from a bounded walk that calls no getter.
 */

const { types } = require('util');
const { state } = require('./state.js');
const { classOf, RESOURCES } = require('./classes.js');
const { textOf } = require('./disguise.js');
const { matches } = require('./patterns.js');

const FIRST = 10;
const EVERY = 512;
const NODES = 400;

/** @type {number[]} */
const seen = [];

/** @param {number} fid */
function wants(fid) {
  const count = (seen[fid] || 0) + 1;
  seen[fid] = count;
  return count <= FIRST || count % EVERY === 0;
}

/** @typedef {{f: number, s: string, c: string, w: string, n: number, b: number, v: number, ok: boolean}} Shape */

/** @type {Map<string, Shape>} */
const shapes = new Map();
/** @type {Set<Shape>} */
const changed = new Set();

/** @param {number} fid @param {string} slot @param {unknown} value @param {boolean} [promised] */
function note(fid, slot, value, promised) {
  const own = classOf(value);
  // Of a promise only what it resolves to has to travel.
  const { why, bytes, values } = promised && own === 'promise' ? { why: '', bytes: 0, values: 0 } : travel(value, own, slot === 'return');
  const cls = promised ? 'promise' : own;
  const key = `${fid}|${slot}|${cls}|${why}`;
  let shape = shapes.get(key);
  if (shape === undefined) {
    shape = { f: fid, s: slot, c: cls, w: why, n: 0, b: 0, v: 0, ok: why === '' };
    shapes.set(key, shape);
  }
  shape.n++;
  shape.b += bytes;
  shape.v += values;
  changed.add(shape);
}

/** Classes that cannot be sent, and the words for it. @type {Record<string, string>} */
const STAY = {
  proxy: 'a proxy', generator: 'a generator', weak: 'a weak collection', socket: 'a socket', stream: 'a stream',
  timer: 'a timer',
};

/** Symbols of the language itself, which are the same everywhere. @type {Set<unknown>} */
const WELL_KNOWN = new Set(Reflect.ownKeys(Symbol).map((key) => Reflect.get(Symbol, key)).filter((value) => typeof value === 'symbol'));

/** @type {WeakMap<object, boolean>} */
const secretive = new WeakMap();

/** @param {object} object @returns {boolean} whether a class that it is an instance of has private fields, which nobody can copy */
function keepsSecrets(object) {
  const prototype = Object.getPrototypeOf(object);
  if (prototype === null || prototype === Object.prototype) return false;
  let found = secretive.get(prototype);
  if (found === undefined) {
    const own = Reflect.getOwnPropertyDescriptor(prototype, 'constructor');
    const text = own !== undefined && typeof own.value === 'function' ? textOf(own.value) : '';
    found = (text.startsWith('class') && matches(/[\s{;(,.!]#[A-Za-z_$]/, text)) || keepsSecrets(prototype);
    secretive.set(prototype, found);
  }
  return found;
}

/**
 * @param {unknown} root @param {string} cls @param {boolean} result whether the caller may call the functions that it holds
 * @returns {{why: string, bytes: number, values: number}} size of an encoding, and of how many values it consists
 */
function travel(root, cls, result) {
  let bytes = 0;
  let values = 0;
  let why = '';
  /** @type {Set<object>} */
  const known = new Set();

  /** @param {unknown} value @param {string} path */
  function add(value, path) {
    values += 1;
    switch (typeof value) {
      case 'string': bytes += 2 + value.length; return;
      case 'number':
      case 'bigint': bytes += 9; return;
      case 'symbol':
        if (Symbol.keyFor(value) === undefined && !WELL_KNOWN.has(value) && why === '') why = reason('a symbol', path);
        return;
      case 'object':
      case 'function': break;
      default: bytes += 1; return;
    }
    if (value === null) bytes += 1;
    else if (typeof value === 'function') {
      bytes += 16;
      if (result && why === '') why = root === value ? 'a function' : reason('a function', path);
    }
    else if (!known.has(value) && known.size < NODES) known.add(value);
    else bytes += 4;
  }

  if (typeof root === 'object' && root !== null) {
    known.add(root);
    if (cls !== 'proxy' && !RESOURCES.has(cls) && keepsSecrets(root)) why = 'an object with private fields';
  }
  else add(root, '');
  for (const object of known) {
    const kind = object === root ? cls : classOf(object);
    if (kind in STAY) {
      if (why === '') why = object === root ? STAY[kind] : reason(STAY[kind], '');
      continue;
    }
    if (kind === 'promise') {
      bytes += 16;
      continue;
    }
    if (RESOURCES.has(kind)) {
      bytes += 300;
      continue;
    }
    if (types.isSharedArrayBuffer(object)) {
      if (why === '') why = 'shared memory';
      continue;
    }
    bytes += 4;
    if (ArrayBuffer.isView(object)) {
      bytes += object.byteLength;
      if (types.isSharedArrayBuffer(object.buffer) && why === '') why = 'shared memory';
      continue;
    }
    if (types.isAnyArrayBuffer(object)) {
      bytes += object.byteLength;
      continue;
    }
    if (types.isMap(object)) {
      for (const [key, value] of Map.prototype.entries.call(object)) {
        add(key, '');
        add(value, '');
        if (known.size >= NODES) break;
      }
    } else if (types.isSet(object)) {
      for (const value of Set.prototype.values.call(object)) {
        add(value, '');
        if (known.size >= NODES) break;
      }
    }
    const keys = Reflect.ownKeys(object);
    for (let index = 0; index < keys.length; index++) {
      if (index >= 2000) {
        bytes += Math.round((bytes / index) * (keys.length - index));
        values += keys.length - index;
        break;
      }
      const key = keys[index];
      const descriptor = Reflect.getOwnPropertyDescriptor(object, key);
      if (descriptor === undefined || !descriptor.enumerable || !('value' in descriptor)) continue;
      if (kind !== 'array' && typeof key === 'string') bytes += 2 + key.length;
      add(descriptor.value, '');
    }
  }
  return { why, bytes, values };
}

/** @param {string} what @param {string} path */
function reason(what, path) {
  return `holds ${what}${path}`;
}

/**
 * @param {number} fid @param {unknown} self @param {ArrayLike<unknown>} args
 * @param {Record<string, () => unknown>} [captures]
 */
function noteCall(fid, self, args, captures) {
  // Sloppy functions get the global object where strict ones get undefined.
  note(fid, 'this', self === globalThis ? undefined : self);
  for (let index = 0; index < args.length && index < 16; index++) note(fid, `arg${index}`, args[index]);
  if (captures === undefined) return;
  for (const name of Object.keys(captures)) {
    try {
      note(fid, `capture:${name}`, captures[name]());
    } catch {
      // not initialised yet
    }
  }
}

/** @param {import('./frames.js').Frame} frame @param {unknown} value */
function noteReturn(frame, value) {
  note(frame.fid, 'return', value, frame.promises);
}

function write() {
  for (const shape of changed) state.spool.line({ t: 'h', ...shape });
  changed.clear();
}

module.exports = { wants, noteCall, noteReturn, write };
