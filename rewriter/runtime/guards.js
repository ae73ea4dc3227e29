// @ts-check
/** State belongs to one stage. Elsewhere a copy exists since initialisation; a handler that touches it is stopped. */
'use strict';

const { context, currentHandler, inInit } = require('./context.js');
const { errors } = require('./errors.js');
const program = require('./program.js');
const violations = require('./violations.js');

/** @param {string} location @returns {string | null} the owner, if that is another stage */
function foreignOwner(location) {
  if (context.role === 'local' || !context.plan) return null;
  const owner = context.plan.ownerOf(location);
  return owner === context.stage ? null : owner;
}

/** @param {string} location @param {string} owner @returns {never} */
function refuse(location, owner) {
  throw violations.report(errors.touchedState(location, owner, currentHandler(), context.stage));
}

/**
 * @template V
 * @param {string} location @param {V} value
 * @returns {V} the value on its owner; elsewhere a guard that lets initialisation pass and stops handlers
 */
function state(location, value) {
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return value;
  const owner = foreignOwner(location);
  if (owner === null) {
    if (context.role !== 'local') program.stateValues.add(value);
    return value;
  }
  const steady = context.plan?.reads.get(location);
  const check = () => {
    if (!inInit()) refuse(location, owner);
  };
  /** @type {ProxyHandler<any>} */
  const traps = {
    get(target, key) {
      if (steady === undefined || !steady.has(key)) check();
      const found = Reflect.get(target, key, target);
      // Methods of Map, Set, Buffer … need the object itself as their receiver.
      return typeof found === 'function' && key !== 'constructor' ? found.bind(target) : found;
    },
  };
  for (const trap of /** @type {const} */ (['set', 'has', 'deleteProperty', 'defineProperty', 'ownKeys',
    'getOwnPropertyDescriptor', 'getPrototypeOf', 'setPrototypeOf', 'preventExtensions', 'isExtensible', 'apply', 'construct'])) {
    traps[trap] = (/** @type {any[]} */ ...args) => {
      check();
      if (trap === 'set') return Reflect.set(args[0], args[1], args[2], args[0]);
      return /** @type {any} */ (Reflect)[trap](...args);
    };
  }
  return new Proxy(value, traps);
}

/** @param {string} location stops a handler that reads or writes a variable of another stage */
function touch(location) {
  if (context.role === 'local') return;
  const owner = foreignOwner(location);
  if (owner !== null && !inInit()) refuse(location, owner);
}

module.exports = { state, touch };
