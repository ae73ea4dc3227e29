// @ts-check
'use strict';

/**
 * How much some objects of a library hold, the variables of their modules and closures included: what tells a cache that
 * fills or a counter that goes up from what a library writes anew at each call, such as the state of its parser.
 *
 * Bounded in objects and depth. No value is kept, and no getter is called.
 */

const { types } = require('util');
const { classOf, RESOURCES } = require('./classes.js');
const { Look } = require('./hidden.js');
const { isMadeUp } = require('./reach.js');

const NODES = 1500;
const DEPTH = 8;
/** Hidden values are asked for so far down. */
const HIDDEN_DEPTH = 2;
const MOST_ENTRIES = 300;
const MOST_NAMES = 20_000;
/** Numbers from here on are taken for times, which go up by themselves. */
const TIME = 1e11;

/**
 * @typedef {object} Inventory
 * @property {number} entries  properties, elements and entries that have a value
 * @property {boolean} named  a property or entry has a name that none had before
 * @property {number} sum  of all numbers
 * @property {number} asked  functions that were asked about
 */

/** @param {string} key */
function isIndex(key) {
  return String(Number(key) >>> 0) === key;
}

/** @param {string} text */
function hashOf(text) {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}

/**
 * @param {object[]} roots @param {(value: object) => boolean} isForeign  what is not looked into
 * @param {Set<number>} names  hashes of those seen so far, to which new ones are added
 * @returns {Inventory}
 */
function inventoryOf(roots, isForeign, names) {
  const look = new Look(true);
  try {
    return new Walk(look, isForeign, names).run(roots);
  } finally {
    look.end();
  }
}

class Walk {
  entries = 0;
  named = false;
  sum = 0;
  /** @type {Map<object, number>} by depth, in order */
  seen = new Map();

  /** @param {Look} look @param {(value: object) => boolean} isForeign @param {Set<number>} names */
  constructor(look, isForeign, names) {
    this.look = look;
    this.isForeign = isForeign;
    this.names = names;
  }

  /** @param {object[]} roots @returns {Inventory} */
  run(roots) {
    for (const root of roots) this.value(root, 0);
    for (const [object, depth] of this.seen) this.object(object, depth + 1);
    return { entries: this.entries, named: this.named, sum: this.sum, asked: this.look.asked };
  }

  /** @param {unknown} value @param {number} depth */
  value(value, depth) {
    if (value === undefined || (typeof value === 'object' && value !== null && this.isPromise(value))) return;
    // Functions that are kept are mostly called once, as those of queues.
    if (typeof value !== 'function') this.entries++;
    else if (depth > HIDDEN_DEPTH) return;
    if (typeof value === 'number' && Math.abs(value) < TIME) this.sum += value;
    else if (typeof value === 'bigint') this.sum += Number(BigInt.asIntN(32, value));
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return;
    if (depth < DEPTH && this.seen.size < NODES && !this.seen.has(value) && !this.isForeign(value)) this.seen.set(value, depth);
  }

  /** What waits for something says nothing of what is kept. @param {object} value */
  isPromise(value) {
    return !types.isProxy(value) && classOf(value) === 'promise';
  }

  /** @param {unknown} key */
  key(key) {
    if (typeof key === 'object' || typeof key === 'function' || typeof key === 'symbol') return;
    const hash = hashOf(String(key));
    if (this.names.has(hash) || this.names.size >= MOST_NAMES) return;
    this.names.add(hash);
    this.named = true;
  }

  /** @param {object} object @param {number} depth */
  object(object, depth) {
    if (types.isProxy(object) || RESOURCES.has(classOf(object)) || ArrayBuffer.isView(object)) return;
    if (types.isMap(object)) {
      this.entries += Math.max(0, object.size - MOST_ENTRIES);
      let count = 0;
      for (const [key, value] of Map.prototype.entries.call(object)) {
        if (++count > MOST_ENTRIES) break;
        this.key(key);
        this.value(value, depth);
      }
    } else if (types.isSet(object)) {
      this.entries += Math.max(0, object.size - MOST_ENTRIES);
      let count = 0;
      for (const value of Set.prototype.values.call(object)) {
        if (++count > MOST_ENTRIES) break;
        this.key(value);
        this.value(value, depth);
      }
    }
    if (depth <= HIDDEN_DEPTH) for (const value of this.look.hiddenOf(object)) this.value(value, depth);
    const isArray = Array.isArray(object);
    const keys = Reflect.ownKeys(object);
    // Beyond that only how many there are counts.
    this.entries += Math.max(0, keys.length - MOST_ENTRIES);
    for (const key of keys.slice(0, MOST_ENTRIES)) {
      if (isMadeUp(object, key) || (typeof object === 'function' && key === 'prototype')) continue;
      if (isArray ? key === 'length' : types.isRegExp(object)) continue;
      const descriptor = Reflect.getOwnPropertyDescriptor(object, key);
      // Objects serve as lists as well, of which only the length counts.
      if (typeof key === 'string' && !isIndex(key)) this.key(key);
      if (descriptor !== undefined && 'value' in descriptor) this.value(descriptor.value, depth);
    }
  }
}

module.exports = { inventoryOf };
