// @ts-check
'use strict';

/**
 * A number that changes when the visible structure of an object does: own properties, elements, entries of
 * maps and sets, primitive values. Bounded in nodes and depth; lengths come first, so growth is always seen.
 * No value is kept, and no getter is called.
 */

const { types } = require('util');
const { classOf, RESOURCES } = require('./classes.js');

const { Look } = require('./hidden.js');
const { isMadeUp } = require('./reach.js');

const NODES = 1500;
/** Hidden values are asked for of the object itself and of what it holds so far down. */
const HIDDEN_DEPTH = 3;
const DEPTH = 8;

/** @param {number} hash @param {number} value */
function mix(hash, value) {
  return Math.imul(hash ^ value, 0x01000193) ^ (hash >>> 15);
}

/** @param {number} hash @param {string} text */
function mixText(hash, text) {
  let result = mix(hash, text.length);
  const step = Math.max(1, text.length >> 5);
  for (let at = 0; at < text.length; at += step) result = mix(result, text.charCodeAt(at));
  return result;
}

const float = new Float64Array(1);
const words = new Int32Array(float.buffer);

/**
 * The numbers of some objects, in order; where one holds another of them, that one is not looked at again. With them
 * goes how many functions were asked about for their hidden variables, which is what costs most.
 * @param {object[]} roots @returns {{numbers: number[], asked: number}}
 */
function fingerprints(roots) {
  const others = new Set(roots);
  const look = new Look();
  try {
    const numbers = roots.map((root) => fingerprint(root, others, look));
    return { numbers, asked: look.asked };
  } finally {
    look.end();
  }
}

/**
 * @param {object} root
 * @param {ReadonlySet<object>} others
 * @param {Look} look
 * @returns {number}
 */
function fingerprint(root, others, look) {
  let hash = 0x811c9dc5;
  /** @type {Map<unknown, number>} */
  const seen = new Map();
  /** @type {[object, number][]} */
  const queue = [];

  /** @param {unknown} value @param {number} depth */
  function add(value, depth) {
    switch (typeof value) {
      case 'string': hash = mixText(hash, value); return;
      case 'number':
        float[0] = value;
        hash = mix(mix(hash, words[0]), words[1]);
        return;
      case 'boolean': hash = mix(hash, value ? 3 : 5); return;
      case 'bigint': hash = mixText(hash, value.toString(36)); return;
      case 'object':
      case 'function': break;
      default: hash = mix(hash, 7); return;
    }
    if (value === null) {
      hash = mix(hash, 11);
      return;
    }
    const known = seen.get(value);
    if (known !== undefined) {
      hash = mix(hash, known);
      return;
    }
    seen.set(value, seen.size + 17);
    hash = mix(hash, seen.size + 17);
    if (value !== root && others.has(value)) return;
    if (depth < DEPTH && queue.length < NODES) queue.push([value, depth + 1]);
  }

  add(root, 0);
  for (let index = 0; index < queue.length && index < NODES; index++) {
    const [object, depth] = queue[index];
    if (types.isProxy(object) || RESOURCES.has(classOf(object))) continue;
    if (types.isMap(object)) {
      hash = mix(hash, object.size);
      let count = 0;
      for (const [key, value] of Map.prototype.entries.call(object)) {
        if (++count > 200) break;
        add(key, depth);
        add(value, depth);
      }
    } else if (types.isSet(object)) {
      hash = mix(hash, object.size);
      let count = 0;
      for (const value of Set.prototype.values.call(object)) {
        if (++count > 200) break;
        add(value, depth);
      }
    } else if (types.isDate(object)) {
      add(Date.prototype.getTime.call(object), depth);
    } else if (ArrayBuffer.isView(object)) {
      const bytes = new Uint8Array(object.buffer, object.byteOffset, object.byteLength);
      hash = mix(hash, bytes.length);
      for (let at = 0; at < bytes.length; at += Math.max(1, bytes.length >> 6)) hash = mix(hash, bytes[at]);
      continue;
    }
    if (index === 0 || depth < HIDDEN_DEPTH) for (const value of look.hiddenOf(object)) add(value, depth);
    const keys = Reflect.ownKeys(object);
    hash = mix(hash, keys.length);
    for (let at = 0; at < keys.length && at < 300; at++) {
      const key = keys[at];
      if (isMadeUp(object, key) || (typeof object === 'function' && key === 'prototype')) continue;
      if (typeof key === 'string') hash = mixText(hash, key);
      const descriptor = Reflect.getOwnPropertyDescriptor(object, key);
      if (descriptor !== undefined && 'value' in descriptor) add(descriptor.value, depth);
    }
  }
  return hash;
}

module.exports = { fingerprints };
