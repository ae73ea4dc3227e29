// @ts-check
/**
 * What the recording saw unchanged exists on every stage. If it is changed after all, the copies no longer agree:
 * on the entry stage the handlers that use it run there from then on, with the value as it is; elsewhere it is a
 * violation, since the change would stay on one stage.
 */
'use strict';

const { types } = require('node:util');
const { context, currentHandler, inInit } = require('./context.js');
const { errors } = require('./errors.js');
const program = require('./program.js');
const violations = require('./violations.js');

/** Objects that are looked through for the parts of constants. */
const MOST_OBJECTS = 20000;

/** Handlers that run on the entry stage from now on. @type {Set<string>} */
const recalled = new Set();
/** @type {WeakMap<object, Set<string>> | null} locations by object */
let parts = null;

/** @param {any} value @returns {boolean} true if it is a collection or an object of the program, and no resource */
function isData(value) {
  return typeof value === 'object' && value !== null && !types.isProxy(value) && !types.isModuleNamespaceObject(value)
    && !types.isPromise(value) && typeof value.on !== 'function';
}

/** @param {any} value */
function isCollection(value) {
  return Array.isArray(value) || types.isMap(value) || types.isSet(value) || types.isWeakMap(value) || types.isWeakSet(value)
    || types.isDate(value) || ArrayBuffer.isView(value) || value instanceof URLSearchParams;
}

/** @param {import('./plan.js').Plan} plan @returns {WeakMap<object, Set<string>>} */
function partsOf(plan) {
  /** @type {WeakMap<object, Set<string>>} */
  const found = new WeakMap();
  let left = MOST_OBJECTS;
  for (const location of plan.constants.keys()) {
    const waiting = [program.valueOf(location)];
    while (waiting.length > 0 && left > 0) {
      const value = waiting.pop();
      if (!isData(value)) continue;
      const known = found.get(value);
      if (known?.has(location)) continue;
      left -= 1;
      if (known) known.add(location);
      else found.set(value, new Set([location]));
      if (types.isMap(value)) waiting.push(...value.keys(), ...value.values());
      else if (types.isSet(value)) waiting.push(...value);
      if (!ArrayBuffer.isView(value)) {
        for (const one of Object.values(Object.getOwnPropertyDescriptors(value))) if ('value' in one) waiting.push(one.value);
      }
    }
  }
  return found;
}

/**
 * @template V
 * @param {V} value whose content is about to be changed; undefined if the variable is
 * @param {string} location of the variable through which it is reached
 * @param {boolean} byMethod by a method, which changes it only if it is a collection of the language
 * @returns {V}
 */
function changes(value, location, byMethod) {
  const { plan, role } = context;
  if (byMethod && !isCollection(value)) return value;
  if (role === 'local' || plan === null || plan.constants.size === 0 || inInit()) return value;
  // A stage with state of its own may reach it through a name that is a constant itself, and then it is as recorded.
  if (role === 'stage' && plan.ownsState(context.stage)) return value;
  const locations = new Set(plan.constants.has(location) ? [location] : []);
  if (typeof value === 'object' && value !== null) {
    parts ??= partsOf(plan);
    for (const one of parts.get(value) || []) locations.add(one);
  }
  for (const one of locations) change(plan, one);
  return value;
}

/** @param {import('./plan.js').Plan} plan @param {string} location */
function change(plan, location) {
  const users = plan.constants.get(location) || [];
  if (users.length === 0) return;
  if (context.role === 'stage') throw violations.report(errors.changedConstant(location, currentHandler(), context.stage));
  for (const id of users) {
    const handler = plan.moved.get(id);
    if (handler === undefined || recalled.has(id)) continue;
    if (plan.ownsState(handler.stage)) throw violations.report(errors.changedConstant(location, id, context.stage));
    recalled.add(id);
    violations.note(`${location} is changed, which the recording never saw; ${id} runs on the entry stage from now on. `
      + 'Record this path and make a plan again.');
  }
}

module.exports = { changes, recalled };
