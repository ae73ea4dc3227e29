// @ts-check
/** A short text that tells what a function captures from what another one captures, the same on every stage. */
'use strict';

const { createHash } = require('node:crypto');
const dgram = require('node:dgram');
const { EventEmitter } = require('node:events');
const { Module } = require('node:module');
const net = require('node:net');
const stream = require('node:stream');
const { types } = require('node:util');
const { TIMERS, className, hasPrivateFields } = require('./codec/classes.js');
const { CannotTravel } = require('./errors.js');
const program = require('./program.js');

/** Objects, and elements of one of them, that are looked at. */
const MOST_OBJECTS = 1000;
const MOST_ELEMENTS = 1000;
/** Objects of all functions together. */
let left = 200_000;
/** Bytes of one buffer. */
const MOST_BYTES = 1 << 16;
/** What an emitter keeps of its listeners. */
const LISTENERS = new Set(['_events', '_eventsCount', '_maxListeners', 'domain']);
const STACK = new Set(['stack']);
const NATIVE = /\{\s*\[native code\]\s*\}\s*$/;

/** Takes down what can be seen of some values and of all that they lead to, nearest first. */
class Look {
  constructor() {
    /** @type {string[]} */
    this.out = [];
    /** @type {Map<object, number>} */
    this.known = new Map();
    /** @type {any[]} */
    this.waiting = [];
    /** Something was met that can hold what nobody sees: a closure, a private field. */
    this.hides = false;
  }

  /** @param {any} value */
  note(value) {
    switch (typeof value) {
      case 'object':
      case 'function': {
        if (value === null) break;
        const known = this.known.get(value);
        this.out.push('#', String(known === undefined ? this.known.size : known));
        if (known !== undefined) return;
        this.known.set(value, this.known.size);
        this.waiting.push(value);
        return;
      }
      case 'number': this.out.push('n', Object.is(value, -0) ? '-0' : String(value)); return;
      default: break;
    }
    this.out.push(typeof value, String(value));
  }

  /** @param {object} object its own properties, without getters @param {ReadonlySet<string>} [without] */
  properties(object, without) {
    let left = MOST_ELEMENTS;
    for (const key of Object.getOwnPropertyNames(object)) {
      if (without?.has(key)) continue;
      if (left-- <= 0) break;
      const own = /** @type {PropertyDescriptor} */ (Reflect.getOwnPropertyDescriptor(object, key));
      this.out.push('.', key);
      if ('value' in own) this.note(own.value);
      else this.out.push('accessor');
    }
  }

  /** @param {Function} fn */
  fn(fn) {
    if (types.isProxy(fn) || program.stateValues.has(fn)) {
      this.out.push('guarded');
      return;
    }
    let original = fn;
    for (let next = program.stubbed.get(original); next; next = program.stubbed.get(original)) original = next;
    const text = Function.prototype.toString.call(original);
    if (!NATIVE.test(text)) this.hides = true;
    this.out.push('function', text);
    this.properties(fn, new Set(['prototype', 'arguments', 'caller', 'toString']));
  }

  /** @param {Iterable<any>} values */
  elements(values) {
    let left = MOST_ELEMENTS;
    for (const value of values) {
      if (left-- <= 0) break;
      this.note(value);
    }
  }

  /** @param {any} object */
  object(object) {
    // What is state here is a guard on other stages.
    if (types.isProxy(object) || program.stateValues.has(object)) {
      this.out.push('guarded');
      return;
    }
    if (isOfProcess(object)) {
      this.out.push('of the process');
      return;
    }
    const proto = Object.getPrototypeOf(object);
    this.out.push('object', proto === null ? '' : className(proto));
    if (hasPrivateFields(proto)) this.hides = true;
    if (ArrayBuffer.isView(object)) {
      const bytes = new Uint8Array(object.buffer, object.byteOffset, Math.min(object.byteLength, MOST_BYTES));
      this.out.push(Buffer.from(bytes).toString('latin1'));
    } else if (types.isAnyArrayBuffer(object)) {
      this.out.push(Buffer.from(object, 0, Math.min(object.byteLength, MOST_BYTES)).toString('latin1'));
    } else if (types.isDate(object)) this.out.push(String(Date.prototype.getTime.call(object)));
    else if (types.isRegExp(object)) this.out.push(String(object), String(object.lastIndex));
    else if (types.isMap(object)) this.elements([...Map.prototype.entries.call(object)].flat());
    else if (types.isSet(object)) this.elements(Set.prototype.values.call(object));
    else this.properties(object, types.isNativeError(object) ? STACK : object instanceof EventEmitter ? LISTENERS : undefined);
  }

  /** @returns {string} */
  end() {
    for (let at = 0; at < this.waiting.length && at < MOST_OBJECTS; at += 1) {
      this.out.push('\n');
      const value = this.waiting[at];
      if (typeof value === 'function') this.fn(value);
      else this.object(value);
    }
    return createHash('sha1').update(JSON.stringify(this.out)).digest('base64');
  }
}

/** @param {any} object @returns {boolean} true if it belongs to its process, and what it holds is its own on every stage */
function isOfProcess(object) {
  return object === process || object === globalThis || object === require.cache || object instanceof Module
    || object instanceof stream.Stream || object instanceof net.Server || object instanceof dgram.Socket
    || types.isPromise(object) || types.isExternal(object) || types.isWeakMap(object) || types.isWeakSet(object)
    || types.isModuleNamespaceObject(object) || types.isGeneratorObject(object)
    || TIMERS.has(Object.getPrototypeOf(object));
}

/**
 * @param {() => Record<string, any>} captured gives what a function captures, by name
 * @param {boolean} doubtful  what cannot be seen may differ from stage to stage
 * @returns {{print: string, objects: object[]}} the objects that were looked at, in the same sequence wherever the text is the same
 * @throws {CannotTravel} if nobody can tell what it captures
 */
function fingerprint(captured, doubtful) {
  const found = new Look();
  let text = '';
  try {
    found.note(captured());
    text = found.end();
  } catch (error) {
    throw new CannotTravel(`what it captures has no value yet when the start is over (${error instanceof Error ? error.message : error})`);
  }
  left -= found.known.size;
  if (left < 0) throw new CannotTravel('what the start made is too much to be compared');
  if (doubtful && found.hides) throw new CannotTravel('the start drew random values, and what it captures could hold one');
  return { print: text, objects: [...found.known.keys()].slice(0, MOST_OBJECTS) };
}

module.exports = { fingerprint };
