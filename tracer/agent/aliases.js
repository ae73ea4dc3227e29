// @ts-check
'use strict';

/** Which memory an object stands for, and where an inherited property is kept. No getter is called, no trap runs. */

const { Buffer } = require('buffer');
const { types } = require('util');

/** Objects that another one is known to stand for. @type {WeakMap<object, object>} */
const aliases = new WeakMap();

/** @param {object} object @param {object} target */
function setAlias(object, target) {
  if (object !== target) aliases.set(object, target);
}

/**
 * The object whose content an object shows: the memory under a typed array, the target of a proxy.
 *
 * Small buffers share one large allocation without having anything in common; they stand for themselves,
 * unless one is seen being cut from another.
 * @param {object} object @returns {object | null}
 */
function aliasOf(object) {
  const known = aliases.get(object);
  if (known !== undefined) return known;
  if (!ArrayBuffer.isView(object)) return null;
  const { buffer } = object;
  return Buffer.isBuffer(object) && buffer.byteLength === Buffer.poolSize ? null : buffer;
}

/**
 * Where a property is found that is not the object's own: null when nowhere, and without a descriptor where a proxy on
 * the way hides it.
 * @param {object} object @param {PropertyKey} key
 * @returns {{holder: object, descriptor: PropertyDescriptor | undefined} | null}
 */
function lookup(object, key) {
  for (let holder = Object.getPrototypeOf(object); holder !== null; holder = Object.getPrototypeOf(holder)) {
    if (types.isProxy(holder)) return { holder, descriptor: undefined };
    const descriptor = Reflect.getOwnPropertyDescriptor(holder, key);
    if (descriptor !== undefined) return { holder, descriptor };
  }
  return null;
}

/** The proxy that an object inherits from, if there is one. @param {object} object @returns {object | null} */
function proxyAbove(object) {
  if (types.isProxy(object)) return null;
  let holder = Object.getPrototypeOf(object);
  while (holder !== null && !types.isProxy(holder)) holder = Object.getPrototypeOf(holder);
  return holder;
}

/** Whether reading an object moves it on: it has a method `next`. @param {object} object */
function isIterator(object) {
  if (Array.isArray(object) || types.isMap(object) || types.isSet(object) || types.isProxy(object)) return false;
  const descriptor = Reflect.getOwnPropertyDescriptor(object, 'next') ?? lookup(object, 'next')?.descriptor;
  return typeof descriptor?.value === 'function';
}

module.exports = { setAlias, aliasOf, lookup, proxyAbove, isIterator };
