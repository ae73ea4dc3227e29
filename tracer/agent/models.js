// @ts-check
'use strict';

/**
 * What the functions of the language and of Node's own modules do to their receiver and arguments.
 *
 * Each is known by its identity, so that it is recognised under any name. The classes follow a few rules
 * (a method of a collection reads it unless it is a mutator); only the exceptions are listed.
 */

const { builtinModules } = require('module');
const { ObjectMeta, metas } = require('./memory.js');

const RECEIVER_READ = 1;
const RECEIVER_WRITE = 2;
const FIRST_READ = 4;
const FIRST_WRITE = 8;
const ARGS_READ = 16;
const DEEP_READ = 32;
/** Has an effect outside of the process. */
const EFFECT = 64;
/** Calls what it is handed once. */
const POST = 128;
/** Calls what it is handed whenever something happens. */
const START = 256;
const LANGUAGE = 512;
/** Is called without a stand-in. */
const UNSEEN = 0;
/** Fills views of memory among its arguments. */
const BYTES_WRITE = 1024;
/** Makes a view of its receiver's memory. */
const VIEWS = 2048;
/** Goes on from where the receiver stopped the last time. */
const STEPS = 4096;

/** @type {Map<Function, number>} */
const models = new Map();

/** @param {unknown} value @param {number} model */
function set(value, model) {
  if (typeof value === 'function' && !models.has(value)) models.set(value, model);
}

/** @param {object} object @param {(name: string) => number} modelOf */
function each(object, modelOf) {
  for (const name of Object.getOwnPropertyNames(object)) {
    const descriptor = Object.getOwnPropertyDescriptor(object, name);
    if (descriptor && typeof descriptor.value === 'function' && name !== 'constructor') {
      set(descriptor.value, modelOf(name));
    }
  }
}

/** Objects of Node and the language are the same everywhere: accesses to them say nothing. @param {unknown} object */
function ignore(object) {
  if ((typeof object === 'object' && object !== null) || typeof object === 'function') {
    metas.set(object, new ObjectMeta(0, 'module', true, 0, -1, 0, true));
  }
}

/** @param {string} list */
const words = (list) => new Set(list.split(' '));

const WRITERS = words('push pop shift unshift splice sort reverse fill copyWithin set add delete clear setMonth append '
  + 'swap16 swap32 swap64 write update setAutoPadding');
/** Methods that read what they are handed. */
const TAKERS = /^(concat|union|intersection|difference|symmetricDifference|is(Subset|Superset|Disjoint)\w*)$/;
const READING_NAME = /^(get|has|is|to|keys|values|entries|forEach|list|emit|raw|address|eventNames|slice|subarray|read|equals|compare|indexOf|includes|inspect)/;

function language() {
  const typedArray = Object.getPrototypeOf(Uint8Array);
  for (const maker of [Array, Map, Set, WeakMap, WeakSet, typedArray, DataView, Date, ArrayBuffer, SharedArrayBuffer, WeakRef]) {
    each(maker.prototype, (name) => LANGUAGE
      | (WRITERS.has(name) || /insert|^(resize|grow|transfer)/i.test(name) || (/^set/.test(name) && maker !== Array)
        ? RECEIVER_READ | RECEIVER_WRITE : RECEIVER_READ)
      | (TAKERS.test(name) || (maker === typedArray && name === 'set') ? ARGS_READ : 0)
      | (name === 'subarray' ? VIEWS : 0));
    each(maker, () => LANGUAGE | ARGS_READ);
    ignore(maker.prototype);
  }
  set(Map.prototype.set, LANGUAGE | RECEIVER_WRITE);
  each(Atomics, (name) => LANGUAGE | FIRST_READ | (/^(load|wait|notify|isLockFree)/.test(name) ? 0 : FIRST_WRITE));
  for (const method of [Map.prototype.set, Set.prototype.add, Map.prototype.clear, Set.prototype.clear, WeakMap.prototype.set,
    WeakSet.prototype.add]) models.set(method, LANGUAGE | RECEIVER_WRITE);
  for (const maker of [String, Number, Boolean, BigInt, Symbol, RegExp, Error, Promise]) {
    each(maker.prototype, () => LANGUAGE);
    each(maker, () => LANGUAGE | ARGS_READ);
  }
  for (const method of [RegExp.prototype.exec, RegExp.prototype.test]) models.set(method, LANGUAGE | STEPS);
  each(Math, () => LANGUAGE);
  each(Object, (name) => LANGUAGE
    | (/^(assign|define|freeze|seal|preventExtensions|setPrototypeOf)/.test(name) ? FIRST_WRITE | ARGS_READ : ARGS_READ));
  each(Reflect, (name) => LANGUAGE
    | (/^(set|define|delete|preventExtensions)/.test(name) ? FIRST_WRITE | ARGS_READ : ARGS_READ));
  each(JSON, () => LANGUAGE | DEEP_READ);
  each(Object.prototype, () => LANGUAGE | RECEIVER_READ);
  each(Function.prototype, () => LANGUAGE);
  for (const name of ['then', 'catch', 'finally']) models.set(/** @type {any} */ (Promise.prototype)[name], LANGUAGE | POST);
  const iterator = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
  const generator = Object.getPrototypeOf(function* () {}).prototype;
  const asynchronous = Object.getPrototypeOf(async function* () {}).prototype;
  for (const moving of [Object.getPrototypeOf([][Symbol.iterator]()), Object.getPrototypeOf(new Map().entries()),
    Object.getPrototypeOf(new Set().entries()), Object.getPrototypeOf(''[Symbol.iterator]()),
    Object.getPrototypeOf(''.matchAll(/a/g)), generator, asynchronous, iterator]) {
    each(moving, () => LANGUAGE | RECEIVER_READ | RECEIVER_WRITE);
    ignore(moving);
  }
  for (const name of ['Object', 'Function', 'Array', 'Map', 'Set', 'Math', 'JSON', 'Reflect', 'Promise', 'Symbol', 'Date',
    'String', 'Number', 'Boolean', 'RegExp', 'Error', 'Buffer', 'process', 'console', 'URL', 'Atomics', 'BigInt', 'Proxy',
    'WeakMap', 'WeakSet', 'WeakRef', 'DataView', 'ArrayBuffer', 'Intl']) {
    const value = /** @type {any} */ (globalThis)[name];
    ignore(value);
    if (typeof value === 'function') {
      set(value, LANGUAGE | ARGS_READ);
      ignore(value.prototype);
    }
  }
}

function node() {
  const timers = /** @type {any} */ (globalThis);
  for (const name of ['setTimeout', 'setImmediate', 'queueMicrotask']) models.set(timers[name], POST);
  models.set(setInterval, START);
  for (const name of ['structuredClone', 'atob', 'btoa', 'fetch']) set(timers[name], DEEP_READ);
  models.set(process.nextTick, POST);
  each(process, () => ARGS_READ);
  each(console, () => DEEP_READ);
  each(Buffer.prototype, (name) => (/^(write|fill|swap|set)/.test(name) ? RECEIVER_WRITE : RECEIVER_READ) | ARGS_READ | LANGUAGE
    | (/^(slice|subarray)$/.test(name) ? VIEWS : 0));
  each(Buffer, () => LANGUAGE | ARGS_READ);
  models.set(Buffer.prototype.copy, RECEIVER_READ | FIRST_WRITE);
  const { EventEmitter } = require('events');
  each(EventEmitter.prototype, (name) => (READING_NAME.test(name) ? RECEIVER_READ : RECEIVER_WRITE)
    | (name === 'once' || name === 'prependOnceListener' ? POST : 0)
    | (/^(on|addListener|prependListener)$/.test(name) ? START : 0));
  for (const name of builtinModules) {
    // Only what is commonly used: loading all modules costs start-up time and prints deprecations.
    if (CORE.has(name)) coreModule(name, require(name));
  }
}

const CORE = words('fs path crypto util url querystring zlib os assert http https net dgram stream events buffer '
  + 'string_decoder child_process dns timers tls readline v8 perf_hooks fs/promises stream/promises timers/promises async_hooks');
const OUTSIDE = /^(write|append|mkdir|rm|unlink|rename|copyFile|truncate|spawn|exec|fork|symlink|link|chmod|chown|utimes)/;

/** @param {string} name @param {any} exported */
function coreModule(name, exported) {
  ignore(exported);
  const files = name === 'fs' || name === 'fs/promises' || name === 'child_process';
  for (const key of Object.getOwnPropertyNames(exported)) {
    const value = Object.getOwnPropertyDescriptor(exported, key)?.value;
    if (typeof value !== 'function') {
      if (typeof value === 'object') ignore(value);
      continue;
    }
    ignore(value);
    let model = name === 'util' || name === 'v8' ? DEEP_READ : ARGS_READ;
    // It reads its caller's text off the stack, so nothing may stand between; what it reads changes nothing.
    if (name === 'assert') {
      set(value, UNSEEN);
      continue;
    }
    if (files && OUTSIDE.test(key)) model |= EFFECT;
    if (/^(read|randomFill|getRandomValues)/.test(key)) model |= BYTES_WRITE;
    model |= /^(createServer|createSecureServer|setInterval|watch)/.test(key) ? START : POST;
    set(value, model);
    const prototype = Object.getOwnPropertyDescriptor(value, 'prototype')?.value;
    if (typeof prototype === 'object' && prototype !== null && prototype !== Object.prototype) {
      ignore(prototype);
      each(prototype, (method) => (READING_NAME.test(method) ? RECEIVER_READ : RECEIVER_READ | RECEIVER_WRITE) | ARGS_READ
        | (method === 'once' ? POST : method === 'on' || method === 'addListener' ? START : POST));
    }
  }
}

function build() {
  language();
  node();
}

module.exports = {
  models, build, withResolvers: /** @type {any} */ (Promise).withResolvers, RECEIVER_READ, RECEIVER_WRITE, FIRST_READ,
  FIRST_WRITE, BYTES_WRITE, VIEWS, STEPS, UNSEEN, ARGS_READ, DEEP_READ, EFFECT, POST, START, LANGUAGE,
};
