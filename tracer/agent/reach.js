// @ts-check
'use strict';

/** At the end of the initialisation: what can be reached from module-level variables exists since then. */

const { types } = require('util');
const { state } = require('./state.js');
const { Server } = require('net');
const { RESOURCES } = require('./classes.js');
const { metaOf, metas, setRoot, reroot, isObject } = require('./memory.js');

const NODES = 20_000;

function markReachable() {
  /** @type {Set<object>} */
  const known = new Set();
  // What functions use by a name goes by that name, and not by one that only the module's own text uses.
  for (const used of [true, false]) {
    for (const file of state.files) {
      if (file === undefined) continue;
      const names = new Set(file.variables.filter((each) => each[2] === 0).map((each) => each[0]));
      for (const [name, read] of Object.entries(file.roots)) {
        if (names.has(name) !== used) continue;
        let value;
        try {
          value = read();
        } catch {
          continue; // not initialised yet
        }
        if (!isObject(value)) continue;
        setRoot(value, file.id, name);
        known.add(value);
      }
    }
  }
  for (const object of known) {
    const meta = metaOf(object);
    // Servers lead to the sockets and requests that exist only now.
    if (meta.id === 0 || RESOURCES.has(meta.cls)) continue;
    meta.init = true;
    if (known.size > NODES || meta.cls === 'proxy' || object instanceof Server) continue;
    for (const value of parts(object)) {
      if (!isObject(value) || known.has(value) || metas.get(value)?.id === 0) continue;
      const inner = metaOf(value);
      if (inner.root === '' && !RESOURCES.has(inner.cls)) reroot(inner, meta.root);
      known.add(value);
    }
  }
}

/**
 * Whether a property of a function is one that V8 makes up from the stack each time it is asked for.
 * @param {object} object @param {string | symbol} key
 */
function isMadeUp(object, key) {
  return typeof object === 'function' && (key === 'caller' || key === 'arguments');
}

/** @param {object} object @returns {Iterable<unknown>} */
function* parts(object) {
  if (types.isMap(object)) {
    yield* Map.prototype.values.call(object);
    yield* Map.prototype.keys.call(object);
  }
  else if (types.isSet(object)) yield* Set.prototype.values.call(object);
  if (ArrayBuffer.isView(object)) return;
  for (const key of Reflect.ownKeys(object)) {
    if (isMadeUp(object, key)) continue;
    const descriptor = Reflect.getOwnPropertyDescriptor(object, key);
    if (descriptor !== undefined && 'value' in descriptor) yield descriptor.value;
  }
}

module.exports = { markReachable, parts, isMadeUp };
