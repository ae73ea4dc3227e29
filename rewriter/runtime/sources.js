// @ts-check
/** Outside sources: timers and listeners that run only on the stage where their handler lives. */
'use strict';

const { context, currentHandler, inInit } = require('./context.js');
const { dress } = require('./dress.js');
const { errors } = require('./errors.js');
const { sourcesHere } = require('./isolate.js');
const { stubbed } = require('./program.js');
const violations = require('./violations.js');

/**
 * @template {Function} F
 * @param {string} id @param {F} fn
 * @returns {F | Function} the function where it lives, elsewhere one that does nothing unless a moved handler has it called
 */
function source(id, fn) {
  if (context.role === 'local' || !context.plan || typeof fn !== 'function') return fn;
  const stage = context.plan.sources.get(id) || 'entry';
  if (stage === context.stage) {
    if (context.role === 'stage') sourcesHere.add(fn);
    return fn;
  }
  /** @this {any} @param {any[]} args @returns {any} */
  const seldom = function (...args) {
    // A moved handler that sets the same timer set it here, and here it fires.
    return inInit() ? undefined : Reflect.apply(fn, this, args);
  };
  Object.defineProperty(seldom, 'name', { value: fn.name, configurable: true });
  Object.defineProperty(seldom, 'length', { value: fn.length, configurable: true });
  stubbed.set(seldom, fn);
  return seldom;
}

/**
 * @template {Function} F
 * @param {string} id of a handler that runs where it was registered @param {F} fn
 * @returns {F | Function} the function; on another stage one that a moved handler cannot run
 */
function stays(id, fn) {
  if (context.role !== 'stage' || typeof fn !== 'function') return fn;
  /** @this {any} @param {any[]} args @returns {any} */
  const guarded = function (...args) {
    if (!inInit()) throw violations.report(errors.touchedState(id, 'entry', currentHandler(), context.stage));
    return Reflect.apply(fn, this, args);
  };
  dress(guarded, fn);
  return guarded;
}

module.exports = { source, stays };
