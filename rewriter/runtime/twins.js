// @ts-check
/**
 * Functions that the start of the program made. Every stage runs the same program, so it has made a twin of each, and a
 * call needs no copy of what the function captures. Twins are told by the place in the source and by a fingerprint of what
 * they capture; those that cannot be told apart, by the order in which the program made them, if that cannot vary. A stage
 * without the twin refuses the call, which then runs where it was made.
 */
'use strict';

const { context, inInit } = require('./context.js');
const { fingerprint } = require('./fingerprint.js');
const outside = require('./outside.js');
const program = require('./program.js');
const random = require('./random.js');
const violations = require('./violations.js');

/** More functions of one place are not kept. */
const MOST = 1000;
/** How often a stage looks again at what it has, while its start may still go on. */
const LOOKS = 3;

/**
 * One function that the start made.
 * @typedef {object} Twin
 * @property {string} id of the handler
 * @property {Function} fn
 * @property {() => Record<string, any>} captured
 * @property {boolean} steady made while the order of things was that of the text
 * @property {number} refused  calls that stages refused
 * @property {string | null | undefined} print fingerprint of what it captures; null if that cannot be told
 * @property {object[]} objects that it leads to
 * @property {boolean} shared  the other side has the same: its objects can be named
 */
/** What a call names its function by: fingerprint, position among the twins that share it, how many those are. @typedef {[string, number, number]} Name */

/** @type {Map<string, Twin[]>} by handler */
const made = new Map();
/** @type {WeakMap<Function, Twin>} */
const byFunction = new WeakMap();
/** @type {Map<string, number>} looks of a stage in vain, by handler */
const looks = new Map();
/** On the entry: outside events have begun. */
let closed = false;

/** @param {string} id @param {() => Record<string, any>} captured @param {Function} fn @returns {Twin | null} null if the start is over */
function register(id, captured, fn) {
  if (closed || (context.role === 'stage' && !inInit())) return null;
  const list = made.get(id) || [];
  if (list.length === 0) made.set(id, list);
  if (list.length >= MOST) return null;
  const twin = { id, fn, captured, steady: !context.initOver, refused: 0, print: undefined, objects: [], shared: false };
  list.push(twin);
  byFunction.set(fn, twin);
  return twin;
}

/** @param {Twin} twin @returns {string} why it cannot be told from others; '' if it can */
function look(twin) {
  if (twin.print !== undefined) return '';
  try {
    Object.assign(twin, fingerprint(twin.captured, random.used()));
    return '';
  } catch (error) {
    twin.print = null;
    return error instanceof Error ? error.message : String(error);
  }
}

/** Nothing that is made from now on belongs to the start. */
function close() {
  if (closed) return;
  closed = true;
  random.ignore();
  for (const [id, list] of made) {
    const why = list.map(look).find((reason) => reason !== '');
    if (why) violations.note(`${id} runs on the entry stage: ${why}.`);
  }
}

/** Of the entry, before the program runs. */
function watch() {
  random.watch();
  outside.whenOver(close);
}

/** @param {Twin} twin that both sides have @param {Name} name @returns {Twin} */
function share(twin, [print, position]) {
  if (!twin.shared) {
    twin.shared = true;
    program.addTwin(`${twin.id} ${print} ${position}`, twin.objects);
  }
  return twin;
}

/** @param {Twin} twin @returns {Name | null} null if a stage could not be sure which one is meant */
function nameOf(twin) {
  if (!context.initOver) return null;
  close();
  if (!twin.print || twin.refused > LOOKS) return null;
  const same = alike(twin.id, twin.print);
  if (same.length > 1 && !same.every((one) => one.steady)) return null;
  /** @type {Name} */
  const name = [twin.print, same.indexOf(twin), same.length];
  share(twin, name);
  return name;
}

/** @param {Function} fn that a stage has no twin of */
function refused(fn) {
  const twin = byFunction.get(fn);
  if (twin) twin.refused += 1;
}

/** @param {string} id @param {string} print @returns {Twin[]} */
function alike(id, print) {
  return (made.get(id) || []).filter((twin) => twin.print === print);
}

/** @param {string} id @param {Name} name @returns {Function | undefined} this stage's twin; undefined if it has none that is surely the one */
function find(id, name) {
  const [print, position, count] = name;
  for (const list of made.values()) list.forEach(look);
  const same = alike(id, print);
  const twin = same[position];
  if (twin && same.length === count && (count === 1 || same.every((one) => one.steady))) return share(twin, name).fn;
  const tried = (looks.get(id) || 0) + 1;
  looks.set(id, tried);
  if (tried <= LOOKS) for (const twin of made.get(id) || []) twin.print = undefined;
  return undefined;
}

/** @param {string} id @param {string} name @returns {any[]} what the twins of a handler captured by a name */
function valuesOf(id, name) {
  const values = [];
  for (const twin of made.get(id) || []) {
    try {
      values.push(twin.captured()[name]);
    } catch {
      // It has no value yet.
    }
  }
  return values;
}

module.exports = { register, watch, nameOf, refused, find, valuesOf };
