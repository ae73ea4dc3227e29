// @ts-check
/** Outside sources: timers and listeners that run only on the stage where their handler lives. */
'use strict';

const { context, inInit } = require('./context.js');
const { sourcesHere } = require('./isolate.js');

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
  return seldom;
}

module.exports = { source };
