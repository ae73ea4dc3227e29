// @ts-check
'use strict';

/**
 * What programs could see of the agent by looking at functions: `Function.prototype.toString` gives the source text,
 * and that of native code for what the agent put in the place of it.
 */

const { originalText } = require('./sources.js');

const native = Function.prototype.toString;
const { apply } = Reflect;

/** Functions of the agent, and what they stand for. @type {WeakMap<Function, Function>} */
const stands = new WeakMap();

/** What the engine says of a function. @param {Function} fn @returns {string} */
const textOf = (fn) => apply(native, fn, []);

/**
 * Make a function look like the one it replaces: name, length and text.
 * @template {Function} T
 * @param {T} replacement @param {Function} original @returns {T}
 */
function disguise(replacement, original) {
  for (const key of /** @type {const} */ (['name', 'length'])) {
    const descriptor = Object.getOwnPropertyDescriptor(original, key);
    if (descriptor !== undefined) Object.defineProperty(replacement, key, descriptor);
  }
  stands.set(replacement, original);
  return replacement;
}

function install() {
  const { toString } = {
    /** @this {Function} */
    toString() {
      return originalText(textOf(stands.get(this) ?? this));
    },
  };
  disguise(toString, native);
  const descriptor = Object.getOwnPropertyDescriptor(Function.prototype, 'toString');
  Object.defineProperty(Function.prototype, 'toString', { ...descriptor, value: toString });
}

module.exports = { install, disguise, textOf };
