// @ts-check
/**
 * What the recording saw unchanged exists on every stage. If it is changed after all, the copies no longer agree:
 * on the entry stage the handlers that use it run there from then on, with the value as it is; elsewhere it is a
 * violation, since the change would stay on one stage.
 */
'use strict';

const { EventEmitter } = require('node:events');
const { types } = require('node:util');
const { context, currentHandler, inInit } = require('./context.js');
const { errors } = require('./errors.js');
const program = require('./program.js');
const twins = require('./twins.js');
const violations = require('./violations.js');

/** Objects that are looked through for the parts of constants. */
const MOST_OBJECTS = 20000;

/** Handlers that run on the entry stage from now on. @type {Set<string>} */
const recalled = new Set();
/** @type {WeakMap<object, Set<string>> | null} locations by object */
let parts = null;
/** The same of what is state, which other guards watch. @type {WeakMap<object, Set<string>> | null} */
let stateParts = null;

/** @param {any} value @returns {boolean} true if it is a collection, an object or a function of the program, and no resource */
function isData(value) {
  return ((typeof value === 'object' && value !== null) || typeof value === 'function') && !types.isProxy(value)
    && !types.isModuleNamespaceObject(value) && !types.isPromise(value) && typeof value.on !== 'function';
}

/** @param {any} value @returns {boolean} true if methods of the language or of Node change it */
function isCollection(value) {
  return Array.isArray(value) || types.isMap(value) || types.isSet(value) || types.isWeakMap(value) || types.isWeakSet(value)
    || types.isDate(value) || ArrayBuffer.isView(value) || types.isGeneratorObject(value) || types.isMapIterator(value)
    || types.isSetIterator(value) || value instanceof URLSearchParams || value instanceof EventEmitter || value instanceof EventTarget;
}

/** @param {string} location @returns {any[]} what a name holds; of a name that functions made at start captured, what each has */
function valuesOf(location) {
  const { plan } = context;
  const name = plan?.captured.get(location);
  if (!plan || name === undefined) return [program.valueOf(location)];
  return (plan.constants.get(location) || []).flatMap((id) => twins.valuesOf(id, name));
}

/** The prototypes of the language: what an object is made of, as far as the program has made it, ends there. */
const BUILT_IN = new Set(Object.values(Object.getOwnPropertyDescriptors(globalThis))
  .map(({ value }) => (typeof value === 'function' ? value.prototype : undefined)));

/** @param {Iterable<string>} locations @returns {WeakMap<object, Set<string>>} */
function partsOf(locations) {
  /** @type {WeakMap<object, Set<string>>} */
  const found = new WeakMap();
  const libraries = program.libraryExports();
  let left = MOST_OBJECTS;
  for (const location of locations) {
    const waiting = valuesOf(location);
    while (waiting.length > 0 && left > 0) {
      const value = waiting.pop();
      if (!isData(value) || libraries.has(value)) continue;
      const known = found.get(value);
      if (known?.has(location)) continue;
      left -= 1;
      if (known) known.add(location);
      else found.set(value, new Set([location]));
      if (types.isMap(value)) waiting.push(...value.keys(), ...value.values());
      else if (types.isSet(value)) waiting.push(...value);
      const prototype = Object.getPrototypeOf(value);
      if (!BUILT_IN.has(prototype)) waiting.push(prototype);
      if (!ArrayBuffer.isView(value)) {
        for (const one of Object.values(Object.getOwnPropertyDescriptors(value))) if ('value' in one) waiting.push(one.value);
      }
    }
  }
  return found;
}

/**
 * How something is changed: a part of it is assigned (false), or by a method, which changes it only if it is a collection of
 * the language (true), or something that it may lead to is ('within'), or it gets what it may have already ('freeze').
 * @typedef {boolean | 'within' | 'freeze'} How
 */

/** @param {any} value @param {How} how @returns {boolean} true if it stays as it is */
function staysAsItIs(value, how) {
  if (how === true) return !isCollection(value);
  if (how === 'within') return value === undefined || value === null;
  return how === 'freeze' && !Object.isExtensible(value);
}

/**
 * @template V
 * @param {V} value whose content is about to be changed; undefined if the variable is
 * @param {string} location of the variable through which it is reached
 * @param {How} how
 * @param {boolean} made by the start: a variable of a function led to it
 * @returns {V}
 */
function changes(value, location, how, made) {
  const { plan, role } = context;
  if (role === 'local' || plan === null) return value;
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  if (role === 'stage') {
    // A stage with state of its own may reach it through a name that is a constant itself, and then it is as recorded.
    if (context.ownsState && (!isObject || ownParts(plan).has(/** @type {any} */ (value)))) return value;
    const ofStart = isObject && (made || (context.initOver && program.isOfStart(/** @type {any} */ (value))));
    if (!ofStart && !(plan.constants.has(location) && (value === undefined || isObject))) return value;
    if (staysAsItIs(value, how) || inInit()) return value;
    throw violations.report(errors.changedConstant(location, currentHandler(), context.stage));
  }
  if (!context.startOver || staysAsItIs(value, how)) return value;
  if (made && isObject) closed(location, false);
  if (plan.constants.size === 0) return value;
  if (isObject) {
    parts ??= partsOf(plan.constants.keys());
    const known = parts.get(/** @type {any} */ (value));
    if (known !== undefined) {
      stateParts ??= partsOf(plan.tied);
      if (stateParts.has(/** @type {any} */ (value))) return value;
      for (const one of known) change(plan, one);
    }
  }
  if (plan.constants.has(location)) change(plan, location);
  return value;
}

/** @param {import('./plan.js').Plan} plan @returns {WeakMap<object, Set<string>>} what the state of this stage consists of */
function ownParts(plan) {
  if (!context.initOver) return partsOf([]);
  stateParts ??= partsOf([...plan.tied].filter((location) => plan.ownerOf(location) === context.stage));
  return stateParts;
}

/** @returns {boolean} true while the program starts, where what it makes now has a copy on other stages */
function starting() {
  if (context.role === 'stage') return inInit();
  return context.role === 'entry' && !context.startOver;
}

/** @param {string} location of a variable that the start made @param {boolean} isState the recording saw it changed, on the entry stage */
function closed(location, isState) {
  if (inInit()) return;
  const { plan, role } = context;
  if (role === 'stage') {
    if (isState) throw violations.report(errors.touchedState(location, 'entry', currentHandler(), context.stage));
    throw violations.report(errors.changedConstant(location, currentHandler(), context.stage));
  }
  if (isState || plan === null || !context.startOver) return;
  for (const id of plan.moved.keys()) recall(plan, location, id);
}

/** @param {import('./plan.js').Plan} plan @param {string} location */
function change(plan, location) {
  const users = plan.constants.get(location) || [];
  if (users.length === 0) return;
  for (const id of users) recall(plan, location, id);
}

/** @param {import('./plan.js').Plan} plan @param {string} location that has changed @param {string} id of a handler that may use it */
function recall(plan, location, id) {
  const handler = plan.moved.get(id);
  if (handler === undefined || recalled.has(id)) return;
  if (plan.ownsState(handler.stage)) {
    if (plan.constants.has(location)) throw violations.report(errors.changedConstant(location, id, context.stage));
    return;
  }
  recalled.add(id);
  violations.note(`${location} is changed, which the recording never saw; ${id} runs on the entry stage from now on. `
    + 'Record this path and make a plan again.');
}

module.exports = { changes, closed, recalled, starting };
