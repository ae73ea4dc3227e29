// @ts-check
/** One call of a moved handler on its way: what becomes of it, and who is told. */
'use strict';

const http = require('node:http');
const { CallResult } = require('./result.js');
const { isOwn } = require('./errors.js');
const { answer } = require('./rescue.js');

/** @typedef {import('./handlers.js').Handler} Handler */
/** @typedef {import('./pool.js').Replica} Replica */

/** One call on its way. */
class Call {
  /** @param {Handler} handler @param {Function} original @param {any} self @param {any[]} args */
  constructor(handler, original, self, args) {
    this.handler = handler;
    this.original = original;
    this.self = self;
    this.args = args;
    /** @type {Replica | null} */
    this.replica = null;
    this.begun = false;
    this.settled = false;
    /** The replica has it no more. */
    this.counted = false;
    this.sentAt = 0;
    /** @type {(value: any) => void} */ this.resolve = () => undefined;
    /** @type {(error: any) => void} */ this.reject = () => undefined;
    this.result = new CallResult((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** Runs the original where it was called. */
  runHere() {
    this.settled = true;
    let value;
    try {
      value = Reflect.apply(this.original, this.self, this.args);
    } catch (error) {
      this.threw(error);
      return;
    }
    this.resolve(value);
  }

  /** @param {any} error that the handler threw before it returned: its caller, or nobody, catches it */
  threw(error) {
    if (this.result.consumed) {
      this.reject(error);
      return;
    }
    const last = this.args[this.args.length - 1];
    const connect = typeof last === 'function' && this.args.some((value) => value instanceof http.IncomingMessage);
    if (connect) last(error);
    else if (!this.answer(error)) process.nextTick(() => { throw error; });
  }

  /** @param {any} error that an operation on the response raised here, after the handler had gone on */
  give(error) {
    if (this.settled) return;
    this.settled = true;
    if (this.replica) this.replica.finished(this);
    this.threw(error);
  }

  /** @param {any} error with which the handler's promise was rejected */
  rejected(error) {
    if (!this.result.consumed && this.answer(error)) return;
    this.reject(error);
  }

  /** @param {any} error @returns {boolean} true if it is the runtime's own and the client has its answer */
  answer(error) {
    if (!isOwn(error)) return false;
    const response = this.args.find((value) => value instanceof http.ServerResponse);
    if (!response) return false;
    answer(response, error);
    return true;
  }

  /** @param {Error} error the stage is gone or too slow */
  fail(error) {
    if (this.settled) return;
    this.settled = true;
    this.handler.counters.failed += 1;
    if (this.replica && !this.counted) this.replica.finished(this);
    const last = this.args[this.args.length - 1];
    const connect = typeof last === 'function' && this.args.some((value) => value instanceof http.IncomingMessage);
    if (this.result.consumed) this.reject(error);
    else if (connect) last(error);
    else if (!this.answer(error)) this.reject(error);
  }
}

module.exports = { Call };
