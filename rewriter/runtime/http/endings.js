// @ts-check
/**
 * Tells what becomes of a response without a listener on it. The application can count listeners, and Node warns of a leak
 * when there are many, as there would be if each of a request's middlewares runs on a stage.
 */
'use strict';

const http = require('node:http');

/** @typedef {{onClose(): void, onFinish(): void, onDrain(): void}} Watcher told after the application's own listeners */

/** @type {Map<unknown, keyof Watcher>} */
const METHODS = new Map([['close', 'onClose'], ['finish', 'onFinish'], ['drain', 'onDrain']]);
/** @type {WeakMap<object, Set<Watcher>>} */
const watchers = new WeakMap();
const prototype = /** @type {any} */ (http.ServerResponse.prototype);
const emitOfNode = prototype.emit;

/** @this {any} @param {string | symbol} type @param {any[]} args @returns {boolean} */
function emit(type, ...args) {
  const method = METHODS.get(type);
  const told = method && watchers.get(this);
  if (!method || !told) return Reflect.apply(emitOfNode, this, [type, ...args]);
  try {
    return Reflect.apply(emitOfNode, this, [type, ...args]);
  } finally {
    for (const watcher of [...told]) watcher[method]();
  }
}
Object.defineProperty(prototype, 'emit', { value: emit, writable: true, enumerable: false, configurable: true });

/** @param {object} response @param {Watcher} watcher */
function watch(response, watcher) {
  const known = watchers.get(response);
  if (known) known.add(watcher);
  else watchers.set(response, new Set([watcher]));
}

/** @param {object} response @param {Watcher} watcher */
function unwatch(response, watcher) {
  watchers.get(response)?.delete(watcher);
}

module.exports = { watch, unwatch };
