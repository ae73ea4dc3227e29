// @ts-check
/** What the caller of a handler gets that ends later than it used to. */
'use strict';

const http = require('node:http');

/** The promise that a stub returns. It knows whether anybody waits for it. */
class CallResult extends Promise {
  static get [Symbol.species]() {
    return Promise;
  }

  /** @param {(resolve: (value: any) => void, reject: (error: any) => void) => void} executor */
  constructor(executor) {
    super(executor);
    this.consumed = false;
  }

  /**
   * @param {any} [onValue] @param {any} [onError]
   * @returns {Promise<any>}
   */
  then(onValue, onError) {
    this.consumed = true;
    return super.then(onValue, onError);
  }
}

/**
 * @param {any[]} args of a handler @returns {boolean} true if it gets a response of its own, (request, response, …), rather
 * than one context from which everything hangs and whose handler ends by returning
 */
function endsByResponse(args) {
  if (args.some((value) => value instanceof http.ServerResponse)) return true;
  const second = args[1];
  // What has elements is no context, and may have a great many of them.
  return typeof second === 'object' && second !== null && !Array.isArray(second) && !ArrayBuffer.isView(second)
    && Object.values(second).some((value) => value instanceof http.ServerResponse);
}

module.exports = { CallResult, endsByResponse };
