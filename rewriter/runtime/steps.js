// @ts-check
/**
 * Functions that were made async so that they can wait for a kernel. Their callers see what they saw before: a handler
 * of the web returns nothing and hands its errors on, and what nobody catches is an uncaught exception.
 */
'use strict';

const http = require('node:http');
const { finished } = require('node:stream');
const { CallResult, endsByResponse } = require('./result.js');
const { dress } = require('./dress.js');

/** @param {any} error */
function raise(error) {
  process.nextTick(() => { throw error; });
}

/** @param {Function} next @param {any} error */
function passOn(next, error) {
  try {
    next(error);
  } catch (other) {
    raise(other);
  }
}

/** @param {any[]} args @returns {http.ServerResponse | undefined} the response that hangs from the second argument */
function responseWithin(args) {
  const second = args[1];
  if (typeof second !== 'object' || second === null) return undefined;
  return Object.values(second).find((value) => value instanceof http.ServerResponse);
}

/**
 * What the caller gets.
 * @param {Promise<any>} promise of the function's end @param {any[]} args
 * @returns {Promise<any> | undefined}
 */
function outcome(promise, args) {
  const last = args[args.length - 1];
  if (typeof last === 'function' && args.some((value) => value instanceof http.IncomingMessage)) {
    promise.then(undefined, (error) => passOn(last, error));
    return undefined;
  }
  if (args.some((value) => value instanceof http.ServerResponse)) {
    promise.then(undefined, raise);
    return undefined;
  }
  const response = endsByResponse(args) ? responseWithin(args) : undefined;
  /** @type {InstanceType<typeof CallResult>} */
  const result = new CallResult((resolve, reject) => {
    promise.then((value) => {
      // Returning nothing, it left the answer to the response, and is over when that is.
      if (value === undefined && response && !response.writableFinished) finished(response, () => resolve(undefined));
      else resolve(value);
    }, (error) => {
      // Who waits may ask for it in a microtask that comes after this one.
      process.nextTick(() => {
        if (result.consumed) reject(error);
        else throw error;
      });
    });
  });
  return result;
}

/** @param {Function} original an async function @returns {Function} what stands for it */
function steps(original) {
  /** @this {any} @param {any[]} args */
  const stub = function (...args) {
    return outcome(Reflect.apply(original, this, args), args);
  };
  dress(stub, original);
  return stub;
}

module.exports = { steps };
