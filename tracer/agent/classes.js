// @ts-check
'use strict';

/** The class of a value, as the trace names it. */

const { Buffer } = require('buffer');
const { types } = require('util');
const { EventEmitter } = require('events');
const http = require('http');
const net = require('net');
const dgram = require('dgram');
const stream = require('stream');

/** An application may take this away, as tests of other environments do. */
const { WeakRef } = globalThis;

const timeout = setTimeout(() => {}, 0);
const Timeout = /** @type {Function} */ (timeout.constructor);
clearTimeout(timeout);
const immediate = setImmediate(() => {});
const Immediate = /** @type {Function} */ (immediate.constructor);
clearImmediate(immediate);

/** Classes of objects that are bound to their process. */
const RESOURCES = new Set(['http.request', 'http.response', 'socket', 'stream', 'timer']);

/** @param {unknown} value @returns {string} */
function classOf(value) {
  if (value === null) return 'null';
  const type = typeof value;
  if (type === 'function') return types.isProxy(value) ? 'proxy' : 'function';
  if (type !== 'object') return type;
  return classOfObject(/** @type {object} */ (value));
}

/** @param {object} value @returns {string} */
function classOfObject(value) {
  if (types.isProxy(value)) return 'proxy';
  if (Array.isArray(value)) return 'array';
  if (types.isModuleNamespaceObject(value)) return 'module';
  const prototype = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return 'plain';
  if (types.isMap(value)) return 'Map';
  if (types.isSet(value)) return 'Set';
  if (types.isDate(value)) return 'Date';
  if (types.isRegExp(value)) return 'RegExp';
  if (types.isNativeError(value)) return 'Error';
  // To ask an object below a proxy what it is an instance of would run the proxy's traps.
  for (let at = prototype; at !== null; at = Object.getPrototypeOf(at)) if (types.isProxy(at)) return 'proxy';
  if (Buffer.isBuffer(value)) return 'Buffer';
  if (types.isArrayBufferView(value) || types.isAnyArrayBuffer(value)) return 'typedarray';
  if (types.isPromise(value)) return 'promise';
  if (types.isGeneratorObject(value)) return 'generator';
  if (types.isWeakMap(value) || types.isWeakSet(value) || value instanceof WeakRef) return 'weak';
  return classOfInstance(value, prototype);
}

/** Whether it is a promise of a library; no getter is called. @param {object} value */
function isThenable(value) {
  for (let object = value, depth = 0; object !== null && depth < 4; object = Object.getPrototypeOf(object), depth++) {
    const descriptor = Object.getOwnPropertyDescriptor(object, 'then');
    if (descriptor !== undefined) return typeof descriptor.value === 'function';
  }
  return false;
}

/** Prototypes of these are extended by frameworks; such an object inherits from one, and was never constructed. */
const EXTENDED = [http.IncomingMessage, http.OutgoingMessage, net.Socket];

/** The class of a resource of Node. @param {object} value @returns {string | null} */
function classOfResource(value) {
  if (!(value instanceof EventEmitter)) return value instanceof Timeout || value instanceof Immediate ? 'timer' : null;
  const made = Object.prototype.hasOwnProperty.call(value, '_events');
  if (!made && EXTENDED.some((maker) => value instanceof maker)) return null;
  if (value instanceof http.IncomingMessage) {
    return /** @type {http.IncomingMessage} */ (value).method == null ? 'stream' : 'http.request';
  }
  if (value instanceof http.ServerResponse) return 'http.response';
  if (value instanceof net.Socket || value instanceof dgram.Socket) return 'socket';
  return value instanceof stream.Stream ? 'stream' : null;
}

/** @param {object} value @param {object} prototype @returns {string} */
function classOfInstance(value, prototype) {
  const resource = classOfResource(value);
  if (resource !== null) return resource;
  const maker = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  if (value instanceof EventEmitter && (maker === EventEmitter || maker === undefined)) return 'emitter';
  if (value instanceof net.Server) return 'emitter';
  if (isThenable(value)) return 'promise';
  const name = typeof maker === 'function' ? Object.getOwnPropertyDescriptor(maker, 'name')?.value : undefined;
  return `instance:${typeof name === 'string' && name !== '' ? name.slice(0, 60) : '?'}`;
}

module.exports = { classOf, RESOURCES };
