// @ts-check
/** The handlers of the program: what runs here, and the stubs that stand for what runs elsewhere. */
'use strict';

const { types } = require('node:util');
const { recalled } = require('./constants.js');
const { context } = require('./context.js');
const outside = require('./outside.js');
const program = require('./program.js');
const metrics = require('./metrics.js');
const { dress } = require('./dress.js');
const twins = require('./twins.js');

/** @typedef {import('./plan.js').PlanHandler} PlanHandler */

/**
 * What is known of a moved handler here.
 * @typedef {object} Handler
 * @property {string} id
 * @property {PlanHandler} plan
 * @property {Function | null} fn  the function itself (form 'wrap')
 * @property {Function | null} factory  makes the function from the captured values (form 'lift')
 * @property {import('./metrics.js').Counters} counters
 * @property {boolean} silent  its result was never used: it ends by answering or by calling back
 * @property {boolean} kernel  it is a call that was cut out of its function: it gets and gives data
 * @property {boolean} twin  the program's start made it, on every stage
 * @property {number} misfits  calls in a row whose values could not travel
 */

/** @type {Map<string, Handler>} */
const handlers = new Map();

/** @param {string} id @returns {Handler | null} null if the plan does not move it */
function known(id) {
  const found = handlers.get(id);
  if (found) return found;
  const plan = context.plan && context.plan.moved.get(id);
  if (!plan || context.role === 'local') return null;
  const handler = { id, plan, fn: null, factory: null, counters: metrics.countersOf(id, plan.stage), silent: plan.returns === 'nothing', kernel: false, twin: false, misfits: 0 };
  handlers.set(id, handler);
  return handler;
}

/** @param {PlanHandler} plan @returns {boolean} true if calls on this stage are run on this stage */
function runsHere(plan) {
  if (context.role === 'local' || plan.stage === context.stage) return true;
  // A stage calls what is without state itself: one hop less.
  return context.role === 'stage' && !(context.plan && context.plan.ownsState(plan.stage));
}

/** @param {Handler} handler @param {Function} original @param {any} self @param {any[]} args @param {any[]} captures @returns {any} */
function call(handler, original, self, args, captures) {
  if (recalled.has(handler.id)) {
    handler.counters.local += 1;
    return Reflect.apply(original, self, args);
  }
  if (context.dispatcher) {
    if (!context.startOver) outside.called(program.servers.length > 0);
    return context.dispatcher.call(handler, original, self, args, captures);
  }
  if (context.upstream) return require('./stage.js').callElsewhere(handler, original, self, args, captures);
  return Reflect.apply(original, self, args);
}

/**
 * @param {string} id @param {Function} original
 * @returns {Function} a stub, or the function itself where it runs
 */
function wrap(id, original) {
  const handler = known(id);
  if (!handler || typeof original !== 'function') return original;
  handler.fn = original;
  if (types.isAsyncFunction(original)) handler.silent = false;
  if (runsHere(handler.plan)) {
    program.handlerValues.set(id, original);
    return original;
  }
  /** @this {any} @param {any[]} args */
  const stub = function (...args) {
    if (new.target) return Reflect.construct(original, args, new.target === stub ? original : new.target);
    return call(handler, original, this, args, []);
  };
  dress(stub, original);
  program.handlerValues.set(id, stub);
  return stub;
}

/**
 * @param {string} id @param {() => any[]} captures read at the call: where the function is made, a name may have no value yet
 * @param {Function} original
 * @returns {Function} what sends calls with what the function captures, or the function itself where it runs
 */
function lift(id, captures, original) {
  const handler = known(id);
  if (!handler || typeof original !== 'function') return original;
  if (types.isAsyncFunction(original)) handler.silent = false;
  if (runsHere(handler.plan)) return original;
  /** @this {any} @param {any[]} args */
  const stub = function (...args) {
    if (new.target) return Reflect.construct(original, args, new.target === stub ? original : new.target);
    return call(handler, original, this, args, captures());
  };
  dress(stub, original);
  return stub;
}

/**
 * @param {string} id @param {Function} original a call that was cut out of its function
 * @returns {Function} what sends its arguments to its stage, or the function itself where it runs
 */
function kernel(id, original) {
  const handler = known(id);
  if (!handler) return original;
  handler.fn = original;
  handler.kernel = true;
  if (runsHere(handler.plan)) return original;
  /** @param {any[]} args */
  return (...args) => call(handler, original, undefined, args, []);
}

/**
 * @param {string} id @param {() => Record<string, any>} captured what the function captures, by name
 * @param {Function} original
 * @returns {Function} what sends calls to the twin of a function that the program's start made; else the function itself
 */
function twin(id, captured, original) {
  const handler = known(id);
  if (!handler || typeof original !== 'function') return original;
  handler.twin = true;
  if (types.isAsyncFunction(original)) handler.silent = false;
  const own = twins.register(id, captured, original);
  if (!own || context.role !== 'entry') return original;
  /** @this {any} @param {any[]} args */
  const stub = function (...args) {
    if (new.target) return Reflect.construct(original, args, new.target === stub ? original : new.target);
    const name = twins.nameOf(own);
    if (name) return call(handler, original, this, args, name);
    handler.counters.local += 1;
    return Reflect.apply(original, this, args);
  };
  dress(stub, original);
  return stub;
}

/** @param {string} id @param {Function} make */
function factory(id, make) {
  const handler = known(id);
  if (handler) handler.factory = make;
}

module.exports = { handlers, wrap, lift, twin, kernel, factory };
