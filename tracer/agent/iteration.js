// @ts-check
'use strict';

/** `for await`: the loop suspends at every step, so the invocation is left and entered around each. */

const { leave } = require('./frames.js');

/**
 * Wraps what a `for await` loop iterates over, so that each step leaves the invocation and comes back.
 * @param {import('./frames.js').Frame} frame
 * @param {any} iterable
 * @returns {any}
 */
function steps(frame, iterable) {
  const asynchronous = iterable?.[Symbol.asyncIterator];
  const method = asynchronous ?? iterable?.[Symbol.iterator];
  if (typeof method !== 'function' || typeof frame !== 'object') return iterable;
  return {
    [Symbol.asyncIterator]() {
      const inner = method.call(iterable);
      const { next } = inner;
      /** @param {any} step @param {boolean} settled whether the value of a synchronous iterator is awaited */
      const away = (step, settled) => {
        const promise = settled ? Promise.resolve(step.value).then((value) => ({ done: step.done, value })) : Promise.resolve(step);
        leave(frame, undefined);
        return promise;
      };
      return {
        /** @param {...unknown} args */
        next: (...args) => away(next.apply(inner, args), asynchronous == null),
        ...(inner.return && {
          /** @param {...unknown} args */
          return: (...args) => away(inner.return(...args), asynchronous == null),
        }),
      };
    },
  };
}

module.exports = { steps };
