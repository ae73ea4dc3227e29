// @ts-check
/** Sorts objects into the kinds that the codec can carry, and says why one cannot travel. */
'use strict';

const { EventEmitter } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const stream = require('node:stream');
const { types } = require('node:util');
const crypto = require('node:crypto');
const program = require('../program.js');

/**
 * @typedef {'plain'|'bare'|'array'|'instance'|'map'|'set'|'date'|'regexp'|'error'|'view'|'buffer'|'arraybuffer'|'shared'
 *   |'promise'|'request'|'response'|'socket'|'readable'|'boxed'|'signal'|'url'|'search'|'key'|'opaque'} Kind
 * @typedef {{kind: Kind, proto: string, why: string}} Class  proto: path of the prototype where it must be sent
 */

/** Classes of Node whose instances are plain data. */
const DATA_BUILTINS = new Set([
  'Url', 'Stats', 'BigIntStats', 'Dirent', 'SocketAddress',
]);

/** @type {WeakMap<object, Class>} by prototype */
const known = new WeakMap();

/** @type {Class} */ const PLAIN = { kind: 'plain', proto: '', why: '' };
/** @type {Class} */ const BARE = { kind: 'bare', proto: '', why: '' };
/** @type {Class} */ const ARRAY = { kind: 'array', proto: '', why: '' };

/** @param {string} why @returns {Class} */
function opaque(why) {
  return { kind: 'opaque', proto: '', why };
}

/** @param {object} proto @returns {string} name of the class for messages to people */
function className(proto) {
  for (let at = proto; at; at = Object.getPrototypeOf(at)) {
    const own = Reflect.getOwnPropertyDescriptor(at, 'constructor');
    if (own && typeof own.value === 'function' && own.value.name) return own.value.name;
  }
  return 'Object';
}

/** @param {object} proto @returns {boolean} true if a class on the chain has private fields, which cannot be copied */
function hasPrivateFields(proto) {
  for (let at = proto; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    const own = Reflect.getOwnPropertyDescriptor(at, 'constructor');
    if (own && typeof own.value === 'function') {
      const text = Function.prototype.toString.call(own.value);
      if (text.startsWith('class') && /[\s{;(,.!]#[A-Za-z_$]/.test(text)) return true;
    }
  }
  return false;
}

/** @param {Kind} kind @param {object} proto @param {object} usual @returns {Class} with the path of an unusual prototype */
function withProto(kind, proto, usual) {
  if (proto === usual) return { kind, proto: '', why: '' };
  const path = program.pathOfPrototype(proto);
  if (path === undefined) return opaque(`no module exports its class ${className(proto)}`);
  if (hasPrivateFields(proto)) return opaque(`its class ${className(proto)} has private fields`);
  return { kind, proto: path, why: '' };
}

/** @param {any} object @param {object} proto @returns {Class} */
function examineBuiltin(object, proto) {
  if (types.isDate(object)) return withProto('date', proto, Date.prototype);
  if (types.isRegExp(object)) return withProto('regexp', proto, RegExp.prototype);
  if (types.isMap(object)) return withProto('map', proto, Map.prototype);
  if (types.isSet(object)) return withProto('set', proto, Set.prototype);
  if (types.isBoxedPrimitive(object)) return { kind: 'boxed', proto: '', why: '' };
  if (types.isSharedArrayBuffer(object)) return { kind: 'shared', proto: '', why: '' };
  if (types.isArrayBuffer(object)) return { kind: 'arraybuffer', proto: '', why: '' };
  if (Buffer.isBuffer(object)) return withProto('buffer', proto, Buffer.prototype);
  if (types.isArrayBufferView(object)) {
    const usual = /** @type {any} */ (globalThis)[types.isDataView(object) ? 'DataView' : className(proto)];
    return usual && usual.prototype === proto ? { kind: 'view', proto: '', why: '' } : opaque('it is a view of a class of its own');
  }
  if (types.isPromise(object)) return { kind: 'promise', proto: '', why: '' };
  if (object instanceof AbortSignal) return { kind: 'signal', proto: '', why: '' };
  if (proto === URL.prototype) return { kind: 'url', proto: '', why: '' };
  if (proto === URLSearchParams.prototype) return { kind: 'search', proto: '', why: '' };
  if (types.isKeyObject(object) && object instanceof crypto.KeyObject) return { kind: 'key', proto: '', why: '' };
  if (types.isGeneratorObject(object) || types.isMapIterator(object) || types.isSetIterator(object)) {
    return opaque('it is an iterator');
  }
  if (types.isWeakMap(object) || types.isWeakSet(object) || object instanceof WeakRef) return opaque('it holds objects weakly');
  if (types.isExternal(object) || types.isModuleNamespaceObject(object)) return opaque('it is native');
  return PLAIN;
}

const immediate = setImmediate(() => undefined);
const timeout = setTimeout(() => undefined, 0);
clearImmediate(immediate);
clearTimeout(timeout);
/** Classes that no module exports; a program that keeps a timer would give them a path all the same. */
const TIMERS = new Set([Object.getPrototypeOf(immediate), Object.getPrototypeOf(timeout)]);

/**
 * A stream of the package readable-stream, which is none of Node's own and does the same.
 * @param {any} object @returns {boolean}
 */
function isOlderReadable(object) {
  if (!(object instanceof stream.Stream) || object instanceof stream.Writable) return false;
  const { read, _readableState: state } = /** @type {any} */ (object);
  return typeof read === 'function' && typeof state === 'object' && state !== null;
}

/** @param {any} object @param {object} proto @returns {Class} */
function examine(object, proto) {
  if (types.isNativeError(object)) {
    // Errors of Node's own have classes that nobody can name; what is known of an error is in its properties.
    let named = proto;
    while (program.pathOfPrototype(named) === undefined && Object.getPrototypeOf(named)) named = Object.getPrototypeOf(named);
    return withProto('error', named, Object.prototype);
  }
  const builtin = examineBuiltin(object, proto);
  if (builtin !== PLAIN) return builtin;
  if (object instanceof http.ServerResponse) return withProto('response', proto, http.ServerResponse.prototype);
  if (object instanceof http.IncomingMessage) {
    if (object.method) return withProto('request', proto, http.IncomingMessage.prototype);
    return { kind: 'readable', proto: '', why: '' };
  }
  if (object instanceof net.Socket) return { kind: 'socket', proto: '', why: 'it is a connection' };
  if (object instanceof stream.Readable || isOlderReadable(object)) return { kind: 'readable', proto: '', why: '' };
  if (object instanceof stream.Writable || object instanceof stream.Stream) return opaque('it is a stream to write to');
  if (TIMERS.has(proto)) return opaque('it is a timer');
  if (object instanceof EventEmitter || object instanceof EventTarget) return opaque(`it is an emitter (${className(proto)})`);
  if (hasPrivateFields(proto)) return opaque(`its class ${className(proto)} has private fields`);
  const path = program.pathOfPrototype(proto);
  if (path === undefined) return opaque(`no module exports its class ${className(proto)}`);
  if (/^[bg]:/.test(path) && !DATA_BUILTINS.has(className(proto))) return opaque(`it is a native ${className(proto)}`);
  return { kind: 'instance', proto: path, why: '' };
}

/** @param {object} object @returns {Class} */
function classOf(object) {
  if (types.isProxy(object)) return opaque('it is a Proxy');
  const proto = Object.getPrototypeOf(object);
  if (proto === Object.prototype) return PLAIN;
  if (proto === null) return BARE;
  if (Array.isArray(object)) return proto === Array.prototype ? ARRAY : withProto('array', proto, Array.prototype);
  const found = known.get(proto);
  // A class may have instances of two kinds: a response of a client and a request of a server share theirs.
  const incoming = object instanceof http.IncomingMessage;
  const received = incoming && Boolean(object.method);
  if (found && (found.kind !== 'request' || received)) return found;
  const fresh = examine(object, proto);
  // What could not be named may get a name later, when asynchronous initialisation is over.
  const settled = fresh.kind !== 'opaque' || !fresh.why.startsWith('no module');
  if (settled && incoming === received) known.set(proto, fresh);
  return fresh;
}

/** @param {PropertyDescriptor} descriptor @returns {number} 1 for a getter, 2 for a setter, 3 for both */
function accessorParts(descriptor) {
  return (descriptor.get === undefined ? 0 : 1) | (descriptor.set === undefined ? 0 : 2);
}

module.exports = { TIMERS, accessorParts, classOf, className, hasPrivateFields };
