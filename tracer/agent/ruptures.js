// @ts-check
'use strict';

/** Rupture points: the calls that hand functions of the application to a library or to Node. */

const { types } = require('util');
const { state } = require('./state.js');
const { idOf } = require('./identity.js');

/** @typedef {{f: number, file: number, l: number, x: string, n: number, d: number, k: number}} Rupture */

/** By site and function. @type {Map<number, Rupture>} */
const ruptures = new Map();
/** @type {Set<Rupture>} */
const changed = new Set();

/**
 * Note the functions among the arguments of a call.
 * @param {unknown[]} args
 * @param {number} site
 * @param {number} kind 1 = called whenever something happens, 2 = called once, 0 = not known
 * @returns {number[] | null} their ids, or null when there is none
 */
function register(args, site, kind) {
  /** @type {number[] | null} */
  let ids = null;
  for (const value of args) {
    if (typeof value === 'function') ids = add(ids, value, site, kind);
    else if (typeof value === 'object' && value !== null && !types.isProxy(value) && Object.getPrototypeOf(value) === Object.prototype) {
      // Options with callbacks among them; getters are left alone.
      for (const key of Object.keys(value).slice(0, 30)) {
        const inner = Reflect.getOwnPropertyDescriptor(value, key)?.value;
        if (typeof inner === 'function') ids = add(ids, inner, site, kind);
      }
    } else if (Array.isArray(value)) {
      for (const inner of value.slice(0, 30)) {
        if (typeof inner === 'function') ids = add(ids, inner, site, kind);
      }
    }
  }
  return ids;
}

/** @param {number[] | null} ids @param {Function} fn @param {number} site @param {number} kind */
function add(ids, fn, site, kind) {
  const id = idOf(fn);
  if (id < 0) return ids;
  const key = site * 0x200000 + (id & 0x1fffff);
  let rupture = ruptures.get(key);
  if (rupture === undefined) {
    const file = state.files[site >>> 16];
    const place = file.sites[site & 0xffff];
    rupture = { f: id, file: file.id, l: place[0], x: place[1], n: 0, d: 0, k: kind };
    ruptures.set(key, rupture);
  }
  rupture.n++;
  if (state.inInit) rupture.d++;
  changed.add(rupture);
  if (ids === null) return [id];
  ids.push(id);
  return ids;
}

function write() {
  for (const rupture of changed) state.spool.line({ t: 'r', ...rupture });
  changed.clear();
}

module.exports = { register, write };
