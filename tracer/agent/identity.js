// @ts-check
'use strict';

/** Which function of the application a function object is: its own text says so, in its entry probe. */

const { find } = require('./patterns.js');
const { textOf } = require('./disguise.js');

const LIBRARY = -2;
const UNNUMBERED = -1;

/** @type {WeakMap<Function, number>} */
const known = new WeakMap();
const ENTRY = /\$px[EP]\((\d+)\)/;

/**
 * @param {Function} fn
 * @returns {number} function id; -1 for application code without an id of its own (a class); -2 for other code
 */
function idOf(fn) {
  const found = known.get(fn);
  if (found !== undefined) return found;
  let id = LIBRARY;
  let text = '';
  try {
    text = textOf(fn);
  } catch {
    // a proxy around something that cannot be called
  }
  if (text.startsWith('class')) {
    if (text.includes('$px')) id = UNNUMBERED;
  } else {
    const match = find(ENTRY, text);
    if (match !== null) id = Number(match[1]);
    else if (text.includes('$px')) id = UNNUMBERED;
  }
  known.set(fn, id);
  return id;
}

module.exports = { idOf, LIBRARY };
