// @ts-check
'use strict';

/** Regular expressions tried on texts as the engine does it, also where the application has replaced their methods. */

const { apply } = Reflect;
const { exec } = RegExp.prototype;

/** @param {RegExp} pattern @param {string} text @returns {RegExpExecArray | null} */
function find(pattern, text) {
  return apply(exec, pattern, [text]);
}

/** @param {RegExp} pattern @param {string} text */
function matches(pattern, text) {
  return apply(exec, pattern, [text]) !== null;
}

module.exports = { find, matches };
