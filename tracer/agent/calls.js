// @ts-check
/// <reference path="./globals.d.ts" />
/* eslint-disable no-undef -- the flags $pxs and $pxq are declared in globals.d.ts */
'use strict';

/**
 * Calls that sampled application code makes: into the language and Node, whose effects are modelled, and
 * into libraries, whose effects on long-lived objects are found out by comparing before and after.
 *
 * A probe cannot see the arguments, which are evaluated after it. So it hands out a stand-in for the callee
 * that is called in its place.
 */

const { state, problem } = require('./state.js');
const memory = require('./memory.js');
const { metas, isObject, content, READ, WRITE, BOTH, BUILTIN, OPAQUE, COMPARED } = memory;
const { classOf, RESOURCES } = require('./classes.js');
const { fingerprint } = require('./fingerprint.js');
const { idOf, LIBRARY } = require('./identity.js');
const model = require('./models.js');
const ruptures = require('./ruptures.js');
const { beginLibraryCall, endLibraryCall } = require('./decide.js');
const { height } = require('./frames.js');
const { below } = require('./stacks.js');

/** How often a call site compares before and after. */
const COMPARISONS = 8;
/** Names of methods that change their object, where its state cannot be seen from outside. */
const MUTATOR = /^(set|add|put|push|insert|delete|del|remove|clear|reset|write|update|save|inc|dec|increment|decrement|append|create|store|flush|unshift|shift|pop|enqueue|dequeue)([A-Z_]|$)/;

/** Frames of this file on the stack while a stand-in runs what it stands for: `below`, `call` or `opaque`, and itself. */
const FRAMES = 3;

/** @type {Map<number, {compared: number, changed: boolean}>} */
const sites = new Map();

/** @param {number} site */
const fileOf = (site) => state.files[site >>> 16];
/** @param {number} site */
const lineOf = (site) => fileOf(site).sites[site & 0xffff][0];

/**
 * A method is called: the answer has a property `key` that is called instead.
 * @param {any} receiver @param {PropertyKey} key @param {number} site
 * @returns {any}
 */
function method(receiver, key, site) {
  if (receiver === null || receiver === undefined) return receiver;
  let fn;
  if (isObject(receiver)) {
    if (memory.metaOf(receiver).cls === 'proxy') return memory.read(receiver, 0, lineOf(site));
    // As a property the method is of interest only where it is the object's own.
    const descriptor = Reflect.getOwnPropertyDescriptor(receiver, key);
    if (descriptor !== undefined) {
      if (descriptor.get !== undefined) return receiver;
      if (typeof key === 'string') memory.property(receiver, key, READ, 0, lineOf(site));
      fn = descriptor.value;
    } else {
      fn = /** @type {any} */ (receiver)[key];
    }
  } else {
    fn = receiver[key];
  }
  if (typeof fn !== 'function') return receiver;
  const known = model.models.get(fn);
  if (known === model.UNSEEN || (known === undefined && idOf(fn) !== LIBRARY)) return receiver;
  return { __proto__: null, [key]: (/** @type {unknown[]} */ ...args) => call(fn, known, receiver, args, site) };
}

/** @param {any} receiver @param {PropertyKey} key @param {number} site @returns {any} */
function methodIfSampled(receiver, key, site) {
  return $pxs ? method(receiver, key, site) : receiver;
}

/** A function is called by its name. @param {any} fn @param {number} site @returns {any} */
function plain(fn, site) {
  if (typeof fn !== 'function') return fn;
  const known = model.models.get(fn);
  if (known === model.UNSEEN || (known === undefined && idOf(fn) !== LIBRARY)) return fn;
  return (/** @type {unknown[]} */ ...args) => call(fn, known, undefined, args, site);
}

/** @param {any} fn @param {number} site @returns {any} */
function plainIfSampled(fn, site) {
  return $pxs ? plain(fn, site) : fn;
}

/** A constructor is called by `new`. @param {any} fn @param {number} site @returns {any} */
function construct(fn, site) {
  if (typeof fn !== 'function') return fn;
  const known = model.models.get(fn);
  const app = known === undefined && idOf(fn) !== LIBRARY;
  /** @param {unknown[]} args */
  return function Constructor(...args) {
    const file = fileOf(site);
    if (app || (known !== undefined && known & model.LANGUAGE)) {
      const made = Reflect.construct(fn, args);
      memory.born(made, lineOf(site), file.id);
      return made;
    }
    return opaque(fn, undefined, args, site, true);
  };
}

/** @param {Function} fn @param {number | undefined} known @param {any} receiver @param {any[]} args @param {number} site */
function call(fn, known, receiver, args, site) {
  if (known === undefined) return opaque(fn, receiver, args, site, false);
  if (fn === Function.prototype.call || fn === Function.prototype.apply) {
    if (typeof receiver === 'function') {
      const list = fn === Function.prototype.call ? args.slice(1) : args[1];
      if (fn === Function.prototype.call || Array.isArray(list)) {
        const inner = model.models.get(receiver);
        if (inner !== undefined || idOf(receiver) === LIBRARY) return call(receiver, inner, args[0], list, site);
      }
    }
    return below(FRAMES, fn, receiver, args);
  }
  const line = lineOf(site);
  if (known & (model.RECEIVER_READ | model.RECEIVER_WRITE) && isObject(receiver)) {
    content(receiver, known & (model.RECEIVER_READ | model.RECEIVER_WRITE), BUILTIN, line);
  }
  if (known & model.MATCHES && receiver instanceof RegExp) memory.matched(receiver, line);
  if (known & model.FIRST_WRITE && isObject(args[0])) content(args[0], WRITE, BUILTIN, line);
  if (known & (model.ARGS_READ | model.DEEP_READ)) {
    for (let index = known & model.FIRST_WRITE ? 1 : 0; index < args.length; index++) {
      const value = args[index];
      if (isObject(value) && typeof value === 'object') readArgument(value, known, line);
    }
  }
  if (state.inInit && known & model.EFFECT) {
    problem('init-effect', fileOf(site).id, line, `${fileOf(site).sites[site & 0xffff][1]} has an effect outside during initialisation`);
  }
  if (known & model.LANGUAGE && !(known & model.POST)) {
    return below(FRAMES, fn, receiver, args);
  }
  const ids = ruptures.register(args, site, known & model.START ? 1 : 2);
  if (ids === null) return below(FRAMES, fn, receiver, args);
  beginLibraryCall(height(), ids);
  try {
    return below(FRAMES, fn, receiver, args);
  } finally {
    endLibraryCall();
  }
}

/** @param {object} value @param {number} known @param {number} line */
function readArgument(value, known, line) {
  if (!(known & model.DEEP_READ)) {
    if (metas.has(value)) content(value, READ, BUILTIN, line);
    return;
  }
  /** @type {Set<object>} */
  const seen = new Set([value]);
  for (const object of seen) {
    if (metas.has(object)) content(object, READ, BUILTIN, line);
    const cls = classOf(object);
    if (seen.size > 200 || cls === 'proxy' || RESOURCES.has(cls)) continue;
    for (const key of Object.keys(object)) {
      const inner = Reflect.getOwnPropertyDescriptor(object, key)?.value;
      if (typeof inner === 'object' && inner !== null && seen.size < 200) seen.add(inner);
    }
  }
}

/**
 * Whether an object lives longer than the chain that runs, as far as is known.
 * @param {object} object @param {number} chain
 */
function outlives(object, chain) {
  const meta = metas.get(object);
  if (meta === undefined || meta.id === 0) return false;
  return meta.init || meta.chain !== chain || (!meta.made && meta.root !== '');
}

/** @param {Function} fn @param {any} receiver @param {any[]} args @param {number} site @param {boolean} isNew */
function opaque(fn, receiver, args, site, isNew) {
  const frame = state.frame;
  const line = lineOf(site);
  const ids = ruptures.register(args, site, 0);
  /** @type {object[]} */
  const subjects = [];
  if (frame !== null) {
    gather(receiver, frame.chain.id, subjects, line);
    for (const value of args) gather(value, frame.chain.id, subjects, line);
  }
  let place = sites.get(site);
  if (place === undefined) {
    place = { compared: 0, changed: false };
    sites.set(site, place);
  }
  const compare = subjects.length > 0 && place.compared < COMPARISONS;
  const before = compare ? subjects.map(fingerprint) : [];
  if (ids !== null) beginLibraryCall(height(), ids);
  let result;
  try {
    result = isNew ? Reflect.construct(fn, args) : below(FRAMES, fn, receiver, args);
  } finally {
    if (ids !== null) endLibraryCall();
    if (frame !== null && frame === state.frame && $pxs) {
      if (compare) place.compared++;
      subjects.forEach((subject, index) => {
        // A nested invocation may have made the change as well; then both count as writers.
        const changed = compare && fingerprint(subject) !== before[index];
        if (changed) place.changed = true;
        const hidden = subject === receiver && hides(subject, site);
        if (changed || (!compare && place.changed)) content(subject, BOTH, COMPARED, line);
        else content(subject, hidden ? BOTH : READ, OPAQUE, line);
      });
    }
  }
  if (isObject(result) && $pxs && !metas.has(result)) {
    const meta = memory.makeMeta(result, fileOf(site).id, line, true);
    if (subjects.length > 0) meta.sources = subjects;
  }
  return result;
}

/** Whether a call may change state that cannot be seen: a library's instance, and a method named like a change. @param {object} subject @param {number} site */
function hides(subject, site) {
  const name = fileOf(site).sites[site & 0xffff][1];
  const last = name.slice(name.lastIndexOf('.') + 1);
  return MUTATOR.test(last) && !['array', 'function', 'Map', 'Set'].includes(classOf(subject));
}

/** @param {any} value @param {number} chain @param {object[]} subjects @param {number} line */
function gather(value, chain, subjects, line) {
  if (!isObject(value) || subjects.includes(value)) return;
  const cls = classOf(value);
  if (RESOURCES.has(cls)) {
    content(value, BOTH, OPAQUE, line);
    return;
  }
  if (cls === 'proxy') return;
  if (typeof value === 'function' && idOf(value) !== LIBRARY) return;
  if (outlives(value, chain)) subjects.push(value);
  // What a library made from long-lived objects may be a view of them.
  const sources = metas.get(value)?.sources;
  if (sources != null) {
    for (const source of sources) if (!subjects.includes(source) && subjects.length < 16) subjects.push(source);
  }
}

module.exports = { method, methodIfSampled, plain, plainIfSampled, construct };
