// @ts-check
/**
 * The form of a message: a flat array of strings, numbers and bytes. A number always begins a tagged value, so plain
 * numbers are written as [NUMBER, n]; strings, booleans, null, undefined and bigints stand for themselves.
 */
'use strict';

module.exports = Object.freeze({
  NUMBER: 0,
  /** An object that the sender introduced earlier in this session. */
  MINE: 1,
  /** An object that the receiver introduced earlier in this session. */
  YOURS: 2,
  PLAIN: 3,
  BARE: 4,
  ARRAY: 5,
  PRIMITIVES: 6,
  INSTANCE: 7,
  MAP: 8,
  SET: 9,
  DATE: 10,
  REGEXP: 11,
  ERROR: 12,
  VIEW: 13,
  BUFFER: 14,
  ARRAY_BUFFER: 15,
  PATH: 16,
  PATH_CHECKED: 17,
  FUNCTION: 18,
  REQUEST: 19,
  RESPONSE: 20,
  SOCKET: 21,
  READABLE: 22,
  PROMISE: 23,
  OPAQUE: 24,
  SYMBOL: 25,
  HOLE: 26,
  BOXED: 27,
  SIGNAL: 28,
  URL: 29,
  SEARCH: 30,
  KEY: 31,
  FROZEN: 32,
  GETTER: 33,
  EXTENDED: 34,
  SHARED: 35,
  /** An object that the receiver introduced in another session. */
  ELSEWHERE: 36,
  /** Bytes that another view of the same message has. */
  PART: 37,
});
