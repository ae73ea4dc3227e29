// @ts-check
'use strict';

/** Global variables that are no properties of the global object: every script and module sees them, no enumeration does. */

const vm = require('vm');

/**
 * Declare global variables of this thread, or set those that are there already.
 * @param {Record<string, unknown>} values
 * @returns {(values: Record<string, unknown>) => void} sets the same variables again
 */
function declare(values) {
  const names = Object.keys(values);
  const fresh = names.filter((name) => vm.runInThisContext(`typeof ${name}`) === 'undefined');
  if (fresh.length > 0) vm.runInThisContext(`let ${fresh.join(',')};`);
  const set = vm.runInThisContext(`(values) => { ${names.map((name) => `${name} = values.${name};`).join('')} }`);
  set(values);
  return set;
}

module.exports = { declare };
