// @ts-check
'use strict';

/**
 * Calls that could be cut out of their function: how long they take, what they touch, what they are given and return.
 *
 * A probe cannot see the arguments, which are evaluated after it, so it hands out a stand-in for the callee. A call
 * that is not light counts as an invocation of its own. Most calls of a program are light, and a site that was seen to
 * be so is left alone for a long while.
 */

const { types } = require('util');
const { lookup } = require('./aliases.js');
const frames = require('./frames.js');
const shapes = require('./shapes.js');
const { models, UNSEEN } = require('./models.js');
const { below } = require('./stacks.js');
const { state } = require('./state.js');

/** Frames of the agent on the stack while a stand-in runs what it stands for: `below`, `run` and itself. */
const FRAMES = 3;
/** Calls in a row that show a site to be light, and calls for which it is then left alone. */
const LOOKS = 8;
const REST = 1000;
/** A call that takes less than this, in ms, is light. */
const LIGHT_MS = 0.1;
/**
 * A call counts as an invocation where more than a third of the calls before it were heavy, and at least two: a single one
 * is chance, such as a collection of garbage or text that the engine has not compiled. A heavy call adds to its site's
 * weight, a light one takes half of that away.
 */
const HEAVY = 2;
const ENOUGH = 4;
const MOST = 8;

/** @typedef {{light: number, rest: number, weight: number}} Site calls in a row that were light, calls to leave alone, weight */

/** @type {Map<number, Site>} */
const sites = new Map();

/** @param {number} id @returns {Site} */
function siteOf(id) {
  let site = sites.get(id);
  if (site === undefined) sites.set(id, (site = { light: 0, rest: 0, weight: 0 }));
  return site;
}

/**
 * Whether a call is to be watched: its function is the running invocation, and the site is not known to be light.
 * @param {unknown} mark @param {number} id @returns {mark is import('./frames.js').Frame}
 */
function watches(mark, id) {
  if (typeof mark !== 'object' || mark === null || mark !== state.frame || state.inInit) return false;
  const site = siteOf(id);
  if (site.rest === 0) return true;
  site.rest--;
  return false;
}

/**
 * @param {import('./frames.js').Frame} frame @param {number} id @param {Function} fn @param {unknown} receiver
 * @param {unknown[]} args
 */
function run(frame, id, fn, receiver, args) {
  if (frame !== state.frame || frame.suspended) return below(FRAMES, fn, receiver, args);
  const site = siteOf(id);
  const kernel = frames.enterKernel(id, frame, site.weight >= ENOUGH);
  try {
    if (kernel.wantsShape) shapes.noteCall(id, undefined, args);
    const result = below(FRAMES, fn, receiver, args);
    kernel.returned = true;
    if (kernel.wantsShape) shapes.noteReturn(kernel, result);
    return result;
  } finally {
    judge(site, frames.exitKernel(kernel, frame, LIGHT_MS));
  }
}

/** @param {Site} site @param {number} spent ms */
function judge(site, spent) {
  const heavy = spent >= LIGHT_MS;
  site.weight = heavy ? Math.min(site.weight + HEAVY, MOST) : Math.max(site.weight - 1, 0);
  site.light = heavy ? 0 : site.light + 1;
  if (site.light < LOOKS) return;
  site.rest = REST;
  site.light = 0;
}

/** A method is called: the answer has a property `key` that is called instead. @param {unknown} mark @param {number} id @param {any} receiver @param {string} key */
function method(mark, id, receiver, key) {
  if (receiver === null || receiver === undefined || !watches(mark, id)) return receiver;
  // No getter and no trap may run twice.
  if (types.isProxy(receiver)) return receiver;
  const fn = (Reflect.getOwnPropertyDescriptor(Object(receiver), key) ?? lookup(receiver, key)?.descriptor)?.value;
  if (typeof fn !== 'function' || models.get(fn) === UNSEEN) return receiver;
  return { __proto__: null, [key]: (/** @type {unknown[]} */ ...args) => run(mark, id, fn, receiver, args) };
}

/** A function is called by its name. @param {unknown} mark @param {number} id @param {any} fn */
function plain(mark, id, fn) {
  if (typeof fn !== 'function' || !watches(mark, id) || models.get(fn) === UNSEEN) return fn;
  return (/** @type {unknown[]} */ ...args) => run(mark, id, fn, undefined, args);
}

module.exports = { method, plain };
