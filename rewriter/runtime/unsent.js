// @ts-check
/**
 * Stands for the other end of a call that waits for a replica: nothing is known of what that has, and what happens to the
 * promises, streams and requests of the call meanwhile is kept until it goes.
 */
'use strict';

const { Peer } = require('./peer.js');

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./peer.js').Message} Message */

class Unsent {
  /** @param {boolean} sharesMemory  replicas of the stage are threads of this process */
  constructor(sharesMemory) {
    this.sharesMemory = sharesMemory;
    /** @type {Set<string>} */
    this.paths = new Set();
    /** @type {Message[]} */
    this.messages = [];
  }

  /** @param {Message} message */
  send(message) {
    this.messages.push(message);
  }

  /** @param {Session} s @param {object} object @param {boolean} good @param {any} value */
  settle(s, object, good, value) {
    Peer.prototype.settle.call(/** @type {any} */ (this), s, object, good, value);
  }

  // A session whose call has not been sent cannot be over.
  maybeDrop() {
    return undefined;
  }
}

module.exports = { Unsent };
