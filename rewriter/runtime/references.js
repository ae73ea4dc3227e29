// @ts-check
/** What stands for a function, a promise, an abort signal or an untransportable object of another stage. */
'use strict';

const { context, currentHandler } = require('./context.js');
const { errors } = require('./errors.js');
const M = require('./messages.js');
const T = require('./codec/tags.js');
const encoder = require('./codec/encode.js');
const violations = require('./violations.js');

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./codec/decode.js').Reader} Reader */

/** The promise of a result that another stage computes. It says so when somebody takes it for the result itself. */
class RemoteResult extends Promise {
  static get [Symbol.species]() {
    return Promise;
  }

  /** @param {(good: boolean, value: any) => void} tell called with what the function returned, be it a promise itself */
  whenReturned(tell) {
    /** @type {any} */ (this).returned = tell;
  }

  /** @param {string} hint @returns {never} */
  [Symbol.toPrimitive](hint) {
    throw violations.report(errors.resultUsed('a function of another stage', hint, currentHandler()));
  }

  /** @returns {never} */
  toJSON() {
    throw violations.report(errors.resultUsed('a function of another stage', 'toJSON', currentHandler()));
  }
}

/**
 * @param {Session} s @param {string} name @param {number} length
 * @param {boolean} post called for its effect only: nobody waits for what it returns
 * @returns {Function}
 */
function receiveFunction(s, name, length, post) {
  const index = s.theirs.length;
  const left = s.changing;
  const reach = () => {
    if (!s.peer || s.released) throw violations.report(errors.chainEnded(name, s.handler));
    return s.peer;
  };
  /** @this {any} @param {any[]} args @returns {any} */
  const later = function (...args) {
    const peer = reach();
    /** @type {any} */
    const result = new RemoteResult((resolve, reject) => {
      /** @param {boolean} good @param {any} value */
      const arrived = (good, value) => {
        if (result.returned) result.returned(good, value);
        (good ? resolve : reject)(value);
      };
      peer.callFunction(s, index, this, args, peer.expectReply((value) => arrived(true, value), (error) => arrived(false, error)));
    });
    return result;
  };
  /** @this {any} @param {any[]} args @returns {any} */
  const remote = function (...args) {
    if (new.target) throw new TypeError(`${name || 'A function of another stage'} cannot be used as a constructor here`);
    const peer = reach();
    if (post) {
      peer.callFunction(s, index, this, args, 0);
      return undefined;
    }
    // What moved code left in an object is a method of it, whose callers use the result at once.
    if (peer.canWait && (left || context.role === 'stage')) return peer.callFunctionSync(s, index, this, args, name);
    return later.apply(this, args);
  };
  if (!post && context.role !== 'stage') patient.set(remote, later);
  Object.defineProperty(remote, 'name', { value: name, configurable: true });
  Object.defineProperty(remote, 'length', { value: length, configurable: true });
  s.receive(remote);
  s.standsFor(remote, index);
  s.references += 1;
  s.functions += 1;
  return remote;
}

/** Of a function of another stage: what calls it without waiting for its result. @type {WeakMap<Function, (...args: any[]) => any>} */
const patient = new WeakMap();

const NO_COPY = 'a getter cannot be copied';
/** Asked by tools that print objects; no use of it. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/**
 * Works on an object of the other side, one operation at a time, if this stage can wait for it; where nobody can wait, that
 * is a violation.
 * @param {Session} s @param {string} label what people call it @param {string} why it did not travel
 * @param {string} operation @param {object} object what stands for it here @param {any[]} args @returns {any}
 */
function reflectThere(s, label, why, operation, object, ...args) {
  const { peer } = s;
  if (context.role === 'stage' && peer && peer.canWait && !s.released) {
    return peer.callFunctionSync(s, M.REFLECT, undefined, [operation, object, ...args], label);
  }
  throw violations.report(errors.touchedOpaque(label, currentHandler() || s.handler, why));
}

/**
 * A property with a getter or setter: a copy of the object has those that it has, and they run the original's.
 * @param {Session} s @param {any} object @param {string | symbol} key @param {boolean} enumerable
 * @param {number} parts 1 for a getter, 2 for a setter, 3 for both
 */
function receiveAccessor(s, object, key, enumerable, parts) {
  const label = `the getter '${String(key)}'`;
  const get = () => reflectThere(s, label, NO_COPY, 'get', object, key);
  /** @param {unknown} value */
  const set = (value) => {
    reflectThere(s, label, NO_COPY, 'set', object, key, value);
  };
  Object.defineProperty(object, key, {
    get: parts & 1 ? get : undefined, set: parts & 2 ? set : undefined, enumerable, configurable: true,
  });
}

/**
 * An object that stays where it is.
 * @param {Session} s @param {string} label @param {string} why
 * @returns {object}
 */
function receiveOpaque(s, label, why) {
  const index = s.theirs.length;
  /** @param {string} operation @param {any[]} args @returns {any} */
  const use = (operation, ...args) => reflectThere(s, `an object (${label})`, why, operation, proxy, ...args);
  /** @type {any} */
  const proxy = new Proxy({}, {
    get: (_target, key) => (key === INSPECT ? undefined : use('get', key)),
    set: (_target, key, value) => use('set', key, value),
    has: (_target, key) => use('has', key),
    deleteProperty: (_target, key) => use('deleteProperty', key),
    ownKeys: () => use('ownKeys'),
    getPrototypeOf: () => use('getPrototypeOf'),
    getOwnPropertyDescriptor(_target, key) {
      const own = use('getOwnPropertyDescriptor', key);
      return own && { ...own, configurable: true, writable: true };
    },
    defineProperty(_target, key, descriptor) {
      if ('value' in descriptor) return use('set', key, descriptor.value);
      throw violations.report(errors.touchedOpaque(`an object (${label})`, currentHandler() || s.handler, why));
    },
  });
  s.receive(proxy);
  s.standsFor(proxy, index);
  return proxy;
}

/** @param {Session} s @param {any[]} out @param {Promise<any>} promise */
function encodePromise(s, out, promise) {
  s.add(promise);
  s.references += 1;
  s.holds += 1;
  out.push(T.PROMISE);
  promise.then((value) => settle(s, promise, true, value), (error) => settle(s, promise, false, error));
}

/** @param {Session} s @param {object} object a promise or signal of this side @param {boolean} good @param {any} value */
function settle(s, object, good, value) {
  s.holds -= 1;
  if (s.peer && !s.released) s.peer.settle(s, object, good, value);
}

/** @param {Session} s @returns {Promise<any>} */
function receivePromise(s) {
  const index = s.theirs.length;
  /** @type {(value: any) => void} */ let resolve = () => undefined;
  /** @type {(error: any) => void} */ let reject = () => undefined;
  const promise = new Promise((yes, no) => {
    resolve = yes;
    reject = no;
  });
  s.receive(promise);
  s.standsFor(promise, index);
  s.references += 1;
  s.holds += 1;
  s.bridges.set(promise, {
    /** @param {boolean} good @param {any} value */
    settle(good, value) {
      s.holds -= 1;
      (good ? resolve : reject)(value);
    },
    /** @param {any} error the other side is gone */
    fail(error) {
      promise.catch(() => undefined);
      reject(error);
    },
  });
  return promise;
}

/** @param {Session} s @param {any[]} out @param {AbortSignal} signal */
function encodeSignal(s, out, signal) {
  s.add(signal);
  out.push(T.SIGNAL, signal.aborted);
  encoder.encode(s, out, signal.aborted ? signal.reason : undefined);
  if (signal.aborted) return;
  s.references += 1;
  s.holds += 1;
  signal.addEventListener('abort', () => settle(s, signal, false, signal.reason), { once: true });
}

/** @param {Session} s @param {Reader} r @returns {AbortSignal} */
function receiveSignal(s, r) {
  const index = s.theirs.length;
  const controller = new AbortController();
  s.receive(controller.signal);
  s.standsFor(controller.signal, index);
  const aborted = r.next();
  const reason = require('./codec/decode.js').decode(s, r);
  if (aborted) controller.abort(reason);
  else {
    s.references += 1;
    s.bridges.set(controller.signal, {
      /** @param {boolean} _good @param {any} value */
      settle(_good, value) {
        controller.abort(value);
      },
    });
  }
  return controller.signal;
}

/** Tells the codec about the kinds of this file; called once, when all modules are loaded. */
function install() {
  const decoder = require('./codec/decode.js');
  encoder.resources.promise = (s, out, value) => encodePromise(s, out, value);
  encoder.resources.signal = (s, out, value) => encodeSignal(s, out, value);
  decoder.resources[T.PROMISE] = (s) => receivePromise(s);
  decoder.resources[T.SIGNAL] = (s, r) => receiveSignal(s, r);
}

module.exports = { RemoteResult, patient, receiveFunction, receiveOpaque, receiveAccessor, install };
