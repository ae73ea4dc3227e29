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

const { types } = require('util');
const { state, problem } = require('./state.js');
const memory = require('./memory.js');
const { metas, isObject, content, READ, WRITE, BUILTIN } = memory;
const { lookup, setAlias, aliasOf } = require('./aliases.js');
const { classOf, RESOURCES } = require('./classes.js');
const { idOf, LIBRARY } = require('./identity.js');
const model = require('./models.js');
const { opaque, awaited, settles } = require('./opaque.js');
const ruptures = require('./ruptures.js');
const { beginLibraryCall, endLibraryCall } = require('./decide.js');
const { height } = require('./frames.js');
const { below } = require('./stacks.js');
const { parts } = require('./reach.js');

/** Objects that a deep read looks at; reading more is a problem that is told once. */
const DEEP = 50_000;

/** Frames of the agent on the stack while a stand-in runs what it stands for: `below`, `call` or `opaque`, and itself. */
const FRAMES = 3;

/** What bound functions were made of. @type {WeakMap<Function, {target: Function, self: unknown, args: unknown[]}>} */
const bounds = new WeakMap();

/** @param {number} site */
const fileOf = (site) => state.files[site >>> 16];
/** @param {number} site */
const isComputed = (site) => fileOf(site).sites[site & 0xffff][1].endsWith('[…]');
/** @param {number} site */
const lineOf = (site) => {
  const place = fileOf(site).sites[site & 0xffff];
  return place[2] ?? place[0];
};

/**
 * A method is called: the answer has a property `key` that is called instead.
 * @param {any} receiver @param {PropertyKey} key @param {number} site
 * @returns {any}
 */
function method(receiver, key, site) {
  if (receiver === null || receiver === undefined) return receiver;
  let fn;
  let fromGetter = false;
  if (isObject(receiver)) {
    if (memory.metaOf(receiver).cls === 'proxy') return memory.read(receiver, 0, lineOf(site));
    const own = Reflect.getOwnPropertyDescriptor(receiver, key);
    const above = own === undefined ? lookup(receiver, key) : null;
    const descriptor = own ?? above?.descriptor;
    // A computed name may be data, and is not written down.
    if (typeof key === 'string' && !isComputed(site)) memory.read(receiver, key, lineOf(site));
    else if (above === null || !(descriptor && 'value' in descriptor)) content(receiver, READ, BUILTIN, lineOf(site));
    else content(above.holder, READ, BUILTIN, lineOf(site));
    if (descriptor === undefined) return receiver;
    if ('value' in descriptor) {
      fn = descriptor.value;
    } else {
      // The call's own look at the property must not come twice.
      fn = /** @type {any} */ (receiver)[key];
      fromGetter = true;
    }
  } else {
    fn = lookup(receiver, key)?.descriptor?.value;
  }
  if (typeof fn !== 'function') return fromGetter ? { __proto__: null, [key]: fn } : receiver;
  const known = model.models.get(fn);
  if (known === model.UNSEEN || (known === undefined && idOf(fn) !== LIBRARY)) {
    if (!fromGetter) return receiver;
    return { __proto__: null, [key]: (/** @type {unknown[]} */ ...args) => Reflect.apply(fn, receiver, args) };
  }
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
    if (fn === Promise) return makePromise(args, site);
    if (app || (known !== undefined && known & model.LANGUAGE)) {
      const made = Reflect.construct(fn, args);
      if (fn === Proxy && isObject(args[0])) setAlias(made, args[0]);
      memory.born(made, file.sites[site & 0xffff][0], file.id);
      return made;
    }
    return opaque(fn, undefined, args, site, true);
  };
}

/** A promise whose own functions settle it. @param {any[]} args @param {number} site */
function makePromise(args, site) {
  const executor = args[0];
  if (typeof executor !== 'function') return Reflect.construct(Promise, args);
  /** @type {Function[]} */
  let settling = [];
  const made = new Promise((resolve, reject) => {
    settling = [resolve, reject];
    Reflect.apply(executor, undefined, settling);
  });
  for (const fn of settling) setAlias(fn, made);
  memory.born(made, fileOf(site).sites[site & 0xffff][0], fileOf(site).id);
  return made;
}

/** @param {Function} fn @param {number | undefined} known @param {any} receiver @param {any[]} args @param {number} site @returns {any} */
function call(fn, known, receiver, args, site) {
  if (known === undefined) {
    const bound = bounds.get(fn);
    if (bound === undefined) {
      settles(fn, lineOf(site));
      return opaque(fn, receiver, args, site, false);
    }
    const inner = model.models.get(bound.target);
    if (inner === undefined && idOf(bound.target) !== LIBRARY) return below(FRAMES, fn, receiver, args);
    return call(bound.target, inner, bound.self, [...bound.args, ...args], site);
  }
  const passed = passedOn(fn, receiver, args);
  if (passed !== null) {
    const inner = model.models.get(passed.target);
    if (inner !== undefined || idOf(passed.target) === LIBRARY) return call(passed.target, inner, passed.self, passed.list, site);
    return below(FRAMES, fn, receiver, args);
  }
  const line = lineOf(site);
  if (known & model.STEPS) return step(fn, receiver, args, line);
  if (known & (model.RECEIVER_READ | model.RECEIVER_WRITE) && isObject(receiver)) {
    content(receiver, known & (model.RECEIVER_READ | model.RECEIVER_WRITE), BUILTIN, line);
  }
  const first = (known & (model.FIRST_READ | model.FIRST_WRITE)) >> 2;
  if (first !== 0 && isObject(args[0])) content(args[0], first, BUILTIN, line);
  if (known & (model.ARGS_READ | model.DEEP_READ)) {
    for (let index = first === 0 ? 0 : 1; index < args.length; index++) {
      const value = args[index];
      if (isObject(value) && typeof value === 'object') readArgument(value, known, line);
    }
  }
  if (known & model.BYTES_WRITE) {
    for (const value of args) if (ArrayBuffer.isView(value)) content(value, WRITE, BUILTIN, line);
  }
  if (state.inInit && known & model.EFFECT) {
    problem('init-effect', fileOf(site).id, fileOf(site).sites[site & 0xffff][0], `${fileOf(site).sites[site & 0xffff][1]} has an effect outside during initialisation`);
  }
  if (known & model.LANGUAGE && !(known & model.POST)) return noteResult(fn, known, receiver, args, below(FRAMES, fn, receiver, args));
  if (known & model.LANGUAGE) awaited(receiver, line);
  const ids = ruptures.register(args, site, known & model.START ? 1 : 2);
  if (ids === null) return below(FRAMES, fn, receiver, args);
  beginLibraryCall(height(), ids);
  try {
    return below(FRAMES, fn, receiver, args);
  } finally {
    endLibraryCall();
  }
}

/**
 * What `call`, `apply` and `Reflect.apply` call in turn.
 * @param {Function} fn @param {any} receiver @param {any[]} args
 * @returns {{target: Function, self: unknown, list: any[]} | null}
 */
function passedOn(fn, receiver, args) {
  const { call: viaCall, apply: viaApply } = Function.prototype;
  if (fn === viaCall && typeof receiver === 'function') return { target: receiver, self: args[0], list: args.slice(1) };
  const reflected = fn === Reflect.apply;
  if (!reflected && fn !== viaApply) return null;
  const target = reflected ? args[0] : receiver;
  const list = reflected ? args[2] : args[1];
  if (typeof target !== 'function' || !Array.isArray(list)) return null;
  return { target, self: reflected ? args[1] : args[0], list };
}

/** What must be remembered of what a function of the language made. @param {Function} fn @param {number} known @param {any} receiver @param {any[]} args @param {any} made */
function noteResult(fn, known, receiver, args, made) {
  if (fn === Function.prototype.bind && typeof receiver === 'function') {
    bounds.set(made, { target: receiver, self: args[0], args: args.slice(1) });
  } else if (known & model.VIEWS && ArrayBuffer.isView(made) && ArrayBuffer.isView(receiver) && aliasOf(made) === null) {
    setAlias(made, aliasOf(receiver) ?? receiver);
  } else if (fn === model.withResolvers && isObject(made)) {
    const { promise, resolve, reject } = /** @type {any} */ (made);
    for (const settling of [resolve, reject]) setAlias(settling, promise);
  }
  return made;
}

/**
 * A regular expression with a place to go on from: what it leaves there matters to the next one only if it is not the start.
 * @param {Function} fn @param {any} receiver @param {any[]} args @param {number} line
 */
function step(fn, receiver, args, line) {
  const moves = isObject(receiver) && Reflect.getOwnPropertyDescriptor(receiver, 'lastIndex')?.value;
  if (typeof moves !== 'number') return below(FRAMES + 1, fn, receiver, args);
  if (moves !== 0) memory.property(receiver, 'lastIndex', READ, BUILTIN, line);
  try {
    return below(FRAMES + 1, fn, receiver, args);
  } finally {
    const after = receiver.lastIndex;
    if (after !== moves) memory.property(receiver, 'lastIndex', WRITE, BUILTIN, line);
    // Whoever began at the start and ends there again leaves nothing behind.
    if (after === 0) memory.takeBack(receiver, 'lastIndex');
  }
}

let cut = false;

/** @param {object} value @param {number} known @param {number} line */
function readArgument(value, known, line) {
  if (!(known & model.DEEP_READ)) {
    memory.iterate(value, line);
    return;
  }
  /** @type {Set<object>} */
  const seen = new Set([value]);
  for (const object of seen) {
    if (metas.has(object)) content(object, READ, BUILTIN, line);
    if (types.isProxy(object) || RESOURCES.has(classOf(object)) || ArrayBuffer.isView(object)) continue;
    for (const inner of parts(object)) {
      if (typeof inner === 'object' && inner !== null && seen.size < DEEP) seen.add(inner);
    }
  }
  if (seen.size >= DEEP && !cut) {
    cut = true;
    problem('lost', -1, line, `more than ${DEEP} objects were read at once; reads of further ones are not recorded`);
  }
}

module.exports = { method, methodIfSampled, plain, plainIfSampled, construct };
