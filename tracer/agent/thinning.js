// @ts-check
'use strict';

/**
 * Keeps a recording within its size: chains are left out whole, evenly and ever more of them.
 *
 * Of the size, the first half takes every chain, the next quarter one in two, the next eighth one in four; so each
 * stretch lasts as long as the first, and the end is never reached. Means and percentiles hold, counts do not.
 */

let limit = Infinity;
let every = 1;
let ordinal = 0;
const left = { invocations: 0, chains: 0 };

/** @param {number} bytes that this thread may write */
function bound(bytes) {
  limit = bytes;
}

/** Whether a chain that begins now is recorded. */
function keeps() {
  if (every === 1) return true;
  // A hash, so that no rhythm of the application decides.
  return (Math.imul(++ordinal, 0x9e3779b1) >>> 0) * every < 0x100000000;
}

/** @param {number} bytes written so far */
function grown(bytes) {
  while (bytes > limit * (1 - 1 / (2 * every)) && every < 0x40000000) every *= 2;
}

/** An invocation is not recorded. @param {boolean} root it is the root of its chain */
function leave(root) {
  left.invocations++;
  if (root) left.chains++;
}

module.exports = { bound, keeps, grown, leave, left };
