// @ts-check
'use strict';

/**
 * Keeps a recording within its size: chains are left out whole, evenly and ever more of them.
 *
 * Of the size, the first half takes every chain, the next quarter one in two, the next eighth one in four; so each
 * stretch lasts as long as the first, and the end is hardly reached. Means and percentiles hold, counts do not. Chains
 * that go on for ever are what reaches it: they are cut off there.
 */

let limit = Infinity;
let every = 1;
let ordinal = 0;
let full = false;
/** What was left out; `cut` of the invocations belong to chains that are recorded up to then. */
const left = { invocations: 0, chains: 0, cut: 0 };

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
  full = bytes > limit;
}

/** Whether no more may be written. */
function isFull() {
  return full;
}

/** An invocation is not recorded. @param {boolean} root of its chain @param {boolean} begun its chain is recorded in part */
function leave(root, begun) {
  left.invocations++;
  if (begun) left.cut++;
  else if (root) left.chains++;
}

module.exports = { bound, keeps, grown, isFull, leave, left };
