// @ts-check
/**
 * Copy-restore: finds what a handler changed in the copies that it got, sends that, and puts it into the originals.
 * Each side remembers the copies as they were when both last agreed, and compares.
 */
'use strict';

const { types } = require('node:util');
const T = require('./tags.js');
const { accessorParts } = require('./classes.js');
const { encode, encodeKey, encodeElements, copyBytes, remotes } = require('./encode.js');
const { decode, decodeElements, decodeKey, decodeProperty, setOwn } = require('./decode.js');

/** @typedef {import('../session.js').Session} Session */
/** @typedef {import('./decode.js').Reader} Reader */

const PROPERTIES = 0;
const ELEMENTS = 1;
const ENTRIES = 2;
const MEMBERS = 3;
const TIME = 4;
const BYTES = 5;

/** @param {Session} s @param {any} object @returns {(string | symbol)[]} */
function keysOf(s, object) {
  const bridge = s.bridges.get(object);
  if (bridge && bridge.ownKeys) return bridge.ownKeys(object);
  return Reflect.ownKeys(object);
}

/** @param {Session} s @param {any} object @param {string | symbol} key @returns {any} */
function read(s, object, key) {
  // Getters of a request or response are middleware's and are read; others are not run just to compare.
  if (s.bridges.has(object)) return object[key];
  const descriptor = Reflect.getOwnPropertyDescriptor(object, key);
  if (!descriptor) return undefined;
  return 'value' in descriptor ? descriptor.value : descriptor.get;
}

/** @param {Session} s @param {any} object @returns {any} undefined for what has no content to compare */
function snapshot(s, object) {
  if (typeof object !== 'object' || object === null || types.isProxy(object)) return undefined;
  if (Array.isArray(object)) return object.slice();
  if (types.isMap(object)) return [...Map.prototype.entries.call(object)].flat();
  if (types.isSet(object)) return [...Set.prototype.values.call(object)];
  if (types.isDate(object)) return Date.prototype.getTime.call(object);
  if (types.isArrayBufferView(object)) return copyBytes(object);
  if (types.isPromise(object) || types.isAnyArrayBuffer(object) || object instanceof URL) return undefined;
  if (remotes.has(object) && !s.bridges.has(object)) return undefined;
  const keys = keysOf(s, object);
  const values = new Array(keys.length);
  for (let i = 0; i < keys.length; i += 1) values[i] = read(s, object, /** @type {string} */ (keys[i]));
  return { keys, values };
}

/** @param {Session} s brings the remembered state up to date with objects that joined since */
function rememberNew(s) {
  const bases = s.bases || (s.bases = new Map());
  for (; s.basedTheirs < s.theirs.length; s.basedTheirs += 1) {
    const object = s.theirs[s.basedTheirs];
    const base = snapshot(s, object);
    if (base !== undefined) bases.set(object, base);
  }
  for (; s.basedMine < s.mine.length; s.basedMine += 1) {
    const object = s.mine[s.basedMine];
    const base = snapshot(s, object);
    if (base !== undefined) bases.set(object, base);
  }
}

/** @param {any[]} a @param {any[]} b @returns {boolean} */
function sameList(a, b) {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/** @param {Session} s @param {any[]} out @param {any} object */
function target(s, out, object) {
  out.push(/** @type {number} */ (s.ids.get(object)));
}

/** @param {Session} s @param {any[]} out @param {any} object @param {{keys: (string | symbol)[], values: any[]}} base @returns {boolean} */
function encodeProperties(s, out, object, base) {
  const keys = keysOf(s, object);
  /** @type {(string | symbol)[]} */
  let changed = [];
  let removed = /** @type {(string | symbol)[]} */ ([]);
  if (sameList(keys, base.keys)) {
    for (let i = 0; i < keys.length; i += 1) {
      const key = /** @type {string} */ (keys[i]);
      if (!Object.is(read(s, object, key), base.values[i])) changed.push(key);
    }
  } else {
    const before = new Map(base.keys.map((key, i) => [key, base.values[i]]));
    changed = keys.filter((key) => !before.has(key) || !Object.is(read(s, object, key), before.get(key)));
    const now = new Set(keys);
    removed = base.keys.filter((key) => !now.has(key));
  }
  if (changed.length === 0 && removed.length === 0) return false;
  target(s, out, object);
  out.push(PROPERTIES, changed.length);
  for (const key of changed) {
    encodeKey(out, key);
    const descriptor = Reflect.getOwnPropertyDescriptor(object, key);
    out.push(!descriptor || descriptor.enumerable === true);
    if (descriptor && !('value' in descriptor) && !s.bridges.has(object)) out.push(T.GETTER, accessorParts(descriptor));
    else encode(s, out, object[key]);
  }
  out.push(removed.length);
  for (const key of removed) encodeKey(out, key);
  return true;
}

/** @param {Session} s @param {any[]} out @param {any} object @param {any} base @returns {boolean} true if it had changed */
function encodeChange(s, out, object, base) {
  if (Array.isArray(object)) {
    if (sameList(object, base)) return false;
    target(s, out, object);
    out.push(ELEMENTS);
    encodeElements(s, out, object);
    return true;
  }
  if (types.isMap(object)) {
    const now = [...Map.prototype.entries.call(object)].flat();
    if (sameList(now, base)) return false;
    target(s, out, object);
    out.push(ENTRIES, now.length);
    for (const value of now) encode(s, out, value);
    return true;
  }
  if (types.isSet(object)) {
    const now = [...Set.prototype.values.call(object)];
    if (sameList(now, base)) return false;
    target(s, out, object);
    out.push(MEMBERS, now.length);
    for (const value of now) encode(s, out, value);
    return true;
  }
  if (types.isDate(object)) {
    const now = Date.prototype.getTime.call(object);
    if (Object.is(now, base)) return false;
    target(s, out, object);
    out.push(TIME, now);
    return true;
  }
  if (types.isArrayBufferView(object)) {
    const now = new Uint8Array(object.buffer, object.byteOffset, object.byteLength);
    if (Buffer.compare(now, base) === 0) return false;
    target(s, out, object);
    out.push(BYTES, copyBytes(object));
    return true;
  }
  return encodeProperties(s, out, object, base);
}

/**
 * Writes what changed since both sides last agreed, and agrees on it.
 * @param {Session} s @param {any[]} out
 */
function encodeChanges(s, out) {
  const countAt = out.push(0) - 1;
  const bases = s.bases;
  if (!bases) return;
  let count = 0;
  for (const [object, base] of bases) {
    if (!encodeChange(s, out, object, base)) continue;
    count += 1;
    bases.set(object, snapshot(s, object));
  }
  rememberNew(s);
  out[countAt] = count;
}

/** @param {Session} s @param {Reader} r @param {any} object */
function applyProperties(s, r, object) {
  let count = r.next();
  while (count-- > 0) {
    const key = decodeKey(r);
    const enumerable = r.next();
    if (r.tokens[r.at] === T.GETTER) {
      delete object[key];
      decodeProperty(object, key, enumerable, s, r);
      continue;
    }
    const value = decode(s, r);
    const descriptor = Reflect.getOwnPropertyDescriptor(object, key);
    if (descriptor) object[key] = value;
    else if (enumerable) setOwn(object, key, value);
    else Object.defineProperty(object, key, { value, enumerable: false, configurable: true, writable: true });
  }
  count = r.next();
  while (count-- > 0) delete object[decodeKey(r)];
}

/** @param {Session} s @param {Reader} r puts what the other side changed into the objects of this side */
function applyChanges(s, r) {
  s.changing = true;
  try {
    readChanges(s, r);
  } finally {
    s.changing = false;
  }
}

/** @param {Session} s @param {Reader} r */
function readChanges(s, r) {
  let count = r.next();
  while (count-- > 0) {
    const id = r.next();
    // The sender's own objects are this side's theirs, and the other way round.
    const object = id >= 0 ? s.theirs[id] : s.mine[-1 - id];
    switch (r.next()) {
      case ELEMENTS: {
        const elements = decodeElements(s, r);
        object.length = 0;
        object.length = elements.length;
        // forEach keeps holes.
        elements.forEach((value, i) => { object[i] = value; });
        break;
      }
      case ENTRIES: {
        Map.prototype.clear.call(object);
        let left = r.next() / 2;
        while (left-- > 0) {
          const key = decode(s, r);
          Map.prototype.set.call(object, key, decode(s, r));
        }
        break;
      }
      case MEMBERS: {
        Set.prototype.clear.call(object);
        let left = r.next();
        while (left-- > 0) Set.prototype.add.call(object, decode(s, r));
        break;
      }
      case TIME: Date.prototype.setTime.call(object, r.next()); break;
      case BYTES: new Uint8Array(object.buffer, object.byteOffset, object.byteLength).set(r.next()); break;
      default: applyProperties(s, r, object);
    }
    if (s.bases && s.bases.has(object)) s.bases.set(object, snapshot(s, object));
  }
}

module.exports = { rememberNew, encodeChanges, applyChanges };
