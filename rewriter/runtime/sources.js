// @ts-check
/** Outside sources: timers and listeners that run only on the stage where their handler lives. */
'use strict';

const { context } = require('./context.js');
const { sourcesHere } = require('./isolate.js');

/**
 * @template {Function} F
 * @param {string} id @param {F} fn
 * @returns {F | Function} the function where it lives, elsewhere one that does nothing
 */
function source(id, fn) {
  if (context.role === 'local' || !context.plan || typeof fn !== 'function') return fn;
  const stage = context.plan.sources.get(id) || 'entry';
  if (stage === context.stage) {
    if (context.role === 'stage') sourcesHere.add(fn);
    return fn;
  }
  const nothing = () => undefined;
  Object.defineProperty(nothing, 'name', { value: fn.name, configurable: true });
  Object.defineProperty(nothing, 'length', { value: fn.length, configurable: true });
  return nothing;
}

module.exports = { source };
