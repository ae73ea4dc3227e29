// @ts-check
'use strict';

/**
 * Runs functions when the thread ends, without a listener that the application could count or remove.
 *
 * `process` has no `emit` of its own, so the exit event passes through a method of its prototype.
 */

const process = require('process');
const { disguise } = require('./disguise.js');

/** @type {((code: number | undefined) => void)[]} */
const actions = [];
const { apply } = Reflect;

/** @param {(code: number | undefined) => void} action runs before the application's own exit listeners */
function onExit(action) {
  actions.push(action);
}

function install() {
  const prototype = Object.getPrototypeOf(process);
  const original = prototype.emit;
  /** @this {NodeJS.Process} @param {unknown[]} args */
  const replacement = function (...args) {
    if (args[0] === 'exit' && this === process) {
      for (const action of actions.splice(0)) action(/** @type {number | undefined} */ (args[1]));
    }
    return apply(original, this, args);
  };
  Object.defineProperty(prototype, 'emit', {
    value: disguise(replacement, original), writable: true, configurable: true, enumerable: false,
  });
}

module.exports = { install, onExit };
