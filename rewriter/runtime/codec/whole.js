// @ts-check
/** Messages that somebody waits for: one that cannot be written is sent as an error instead, so that nobody waits for ever. */
'use strict';

const { encode } = require('./encode.js');
const { errors } = require('../errors.js');
const violations = require('../violations.js');

/** @typedef {import('../session.js').Session} Session */

/**
 * @param {Session} s @param {string} what the message tells, for people @param {any[]} head how it begins
 * @param {(message: any[]) => void} write adds changes and values
 * @param {any[]} failed what stands after `head` where it tells an error, which follows
 * @returns {any[]} the message
 */
function writeWhole(s, what, head, write, failed) {
  const added = s.mine.length;
  const message = head.slice();
  try {
    write(message);
    return message;
  } catch (error) {
    s.forget(added);
    s.forgetPaths();
    const instead = [...head, ...failed];
    encode(s, instead, violations.report(errors.cannotReturn(what, s.handler, error)));
    return instead;
  }
}

module.exports = { writeWhole };
