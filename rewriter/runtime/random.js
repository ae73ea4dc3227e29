// @ts-check
/**
 * Whether the application's start used random values that differ from stage to stage. What a closure or a private field
 * holds cannot be looked at, so functions made at start may then differ although all that can be seen of them is equal.
 * What a package does while it is loaded is its own: packages are taken to answer the same everywhere.
 */
'use strict';

const crypto = require('node:crypto');
const { syncBuiltinESMExports } = require('node:module');
const path = require('node:path');
const { fileURLToPath } = require('node:url');
const { context } = require('./context.js');

const NAMES = ['randomBytes', 'pseudoRandomBytes', 'randomFill', 'randomFillSync', 'randomInt', 'randomUUID', 'getRandomValues',
  'generateKey', 'generateKeySync', 'generateKeyPair', 'generateKeyPairSync', 'createDiffieHellman', 'createECDH'];

/** Frames that are looked through, and calls that are looked at; more count as the application's. */
const MOST_FRAMES = 200;
const MOST_CALLS = 1000;
/** The client by which the runtime reaches a broker: it gives its connections names. */
const CLIENT = `${path.sep}@nats-io${path.sep}`;
const LOADER = /^node:internal\/modules\//;

/** What other stages get as the entry did, as long as the program's text runs (see chance.js). */
const REPEATED = new Set(['random', 'randomBytes', 'randomInt', 'randomUUID', 'generateKeySync', 'generateKeyPairSync', 'randomFillSync',
  'getRandomValues']);

let seen = false;
let calls = 0;
/** @type {(() => void)[]} */
let undo = [];

/** @param {string} name @param {any[]} args @returns {boolean} true if every stage gets the same value */
function isRepeated(name, args) {
  return !context.initOver && REPEATED.has(name) && typeof args[args.length - 1] !== 'function';
}

/** @param {string} name of a file as a stack has it @returns {boolean} true if it is the application's own */
function isOwn(name) {
  const file = name.startsWith('file:') ? fileURLToPath(name) : name;
  const relative = path.relative(context.root, file);
  return path.isAbsolute(file) && !relative.startsWith('..') && !relative.split(path.sep).includes('node_modules');
}

/** @param {Function} above @returns {boolean} true unless a package asks while it is loaded */
function counts(above) {
  calls += 1;
  if (calls > MOST_CALLS) return true;
  const { prepareStackTrace, stackTraceLimit } = Error;
  /** @type {any} */
  const holder = {};
  Error.stackTraceLimit = MOST_FRAMES;
  Error.prepareStackTrace = (_error, frames) => frames.map((frame) => frame.getFileName() || '');
  Error.captureStackTrace(holder, above);
  /** @type {string[]} */
  const files = holder.stack;
  Error.prepareStackTrace = prepareStackTrace;
  Error.stackTraceLimit = stackTraceLimit;
  const decisive = files.find((name) => LOADER.test(name) || isOwn(name));
  if (decisive !== undefined) return !LOADER.test(decisive);
  return !files.some((name) => name.startsWith(__dirname + path.sep) || name.includes(CLIENT));
}

/** @param {any} holder @param {string} name */
function observe(holder, name) {
  const own = Reflect.getOwnPropertyDescriptor(holder, name);
  const original = holder[name];
  if (typeof original !== 'function' || (own && !own.configurable)) return;
  const observed = new Proxy(original, {
    apply: function observing(target, self, args) {
      seen = seen || (!isRepeated(name, args) && counts(observing));
      return Reflect.apply(target, self, args);
    },
  });
  Object.defineProperty(holder, name, { configurable: true, enumerable: own ? own.enumerable : true, writable: true, value: observed });
  undo.push(() => {
    if (holder[name] !== observed) return;
    if (own) Object.defineProperty(holder, name, own);
    else delete holder[name];
  });
}

/** Begins to watch. */
function watch() {
  observe(Math, 'random');
  for (const name of NAMES) observe(crypto, name);
  for (const name of ['getRandomValues', 'randomUUID']) observe(globalThis.crypto, name);
  observe(globalThis.crypto.subtle, 'generateKey');
  syncBuiltinESMExports();
}

/** Ends it: what happens from now on does not count. */
function ignore() {
  for (const back of undo) back();
  undo = [];
  syncBuiltinESMExports();
}

module.exports = { watch, ignore, used: () => seen };
