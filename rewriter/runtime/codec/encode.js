// @ts-check
/** Writes values into a flat message, keeping identity over the whole session, cycles, classes and special values. */
'use strict';

const T = require('./tags.js');
const { accessorParts, classOf, className } = require('./classes.js');
const { CannotTravel } = require('../errors.js');
const { encodePart } = require('./parts.js');
const program = require('../program.js');
const { nameOf } = require('../symbols.js');

/** @typedef {import('../session.js').Session} Session */
/** @typedef {any[]} Out */
/** @typedef {import('./classes.js').Class} Class */

/** Encoders of resources; their modules put themselves here. @type {Record<string, (s: Session, out: Out, value: any, found: Class) => void>} */
const resources = Object.create(null);

/** Objects of other stages, by what stands for them here. @type {WeakMap<object, {session: Session, index: number}>} */
const remotes = new WeakMap();

/** Data larger than this goes by path where it has one. */
const MAX_NODES = 20_000;

/** @type {WeakMap<object, boolean>} */
const codeLike = new WeakMap();

/**
 * Plain objects that are data travel by value, so that what they hold now is seen. One with functions or getters, such as
 * an application object, is part of the program: it goes by path where it has one.
 * @param {object} object @returns {boolean}
 */
function isCode(object) {
  let found = codeLike.get(object);
  if (found === undefined) {
    found = false;
    for (const key of Reflect.ownKeys(object)) {
      const descriptor = Reflect.getOwnPropertyDescriptor(object, key);
      if (descriptor && (!('value' in descriptor) || typeof descriptor.value === 'function')) {
        found = true;
        break;
      }
    }
    codeLike.set(object, found);
  }
  return found;
}

/** @param {Session} s @param {Out} out @param {string} path @param {object} object */
function encodePath(s, out, path, object) {
  if (s.paths.has(path)) {
    out.push(T.PATH, path);
  } else {
    s.notePath(path);
    out.push(T.PATH_CHECKED, path, program.signature(object));
  }
}

/** @param {Session} s @param {Out} out @param {string} path path of a prototype @param {object} object */
function encodeProto(s, out, path, object) {
  encodePath(s, out, path, Object.getPrototypeOf(object));
}

/** @param {Out} out @param {string | symbol} key */
function encodeKey(out, key) {
  if (typeof key === 'string') out.push(key);
  else out.push(T.SYMBOL, nameOf(key));
}

/** @param {Session} s @param {Out} out @param {Function} fn @param {boolean} post */
function encodeFunction(s, out, fn, post) {
  if (encodeKnown(s, out, fn)) return;
  const path = program.pathOf(fn);
  if (path !== undefined) encodePath(s, out, path, fn);
  else encodeReference(s, out, fn, post);
}

/** @param {Session} s @param {Out} out @param {Function} fn runs where it is, also if the other side has it too @param {boolean} post */
function encodeReference(s, out, fn, post) {
  if (encodeKnown(s, out, fn)) return;
  s.add(fn);
  s.references += 1;
  s.peerHolds = true;
  if (s.loose && s.peer) s.peer.tighten(s);
  out.push(T.FUNCTION, typeof fn.name === 'string' ? fn.name : '', typeof fn.length === 'number' ? fn.length : 0, post);
}

/** @param {Session} s @param {Out} out @param {object} object @returns {boolean} true if it was a reference to something known */
function encodeKnown(s, out, object) {
  const id = s.ids.get(object);
  if (id !== undefined) {
    if (id >= 0) out.push(T.MINE, id);
    else out.push(T.YOURS, -1 - id);
    return true;
  }
  const remote = remotes.get(object);
  if (remote && remote.session.peer === s.peer && !remote.session.released) {
    out.push(T.ELSEWHERE, remote.session.id, remote.index);
    return true;
  }
  return false;
}

/** @param {Session} s @param {Out} out @param {object} object @param {string} why */
function encodeOpaque(s, out, object, why) {
  s.add(object);
  s.opaques += 1;
  const label = typeof object === 'function' ? object.name : className(object);
  out.push(T.OPAQUE, label, why);
}

/** @param {Session} s @param {Out} out @param {any} object own data properties, enumerable and hidden, of any class */
function encodeOwn(s, out, object) {
  const keys = Reflect.ownKeys(object);
  const countAt = out.push(0) - 1;
  /** @type {[string | symbol, PropertyDescriptor][]} */
  const hidden = [];
  let count = 0;
  for (const key of keys) {
    const descriptor = /** @type {PropertyDescriptor} */ (Reflect.getOwnPropertyDescriptor(object, key));
    if (!descriptor) continue;
    if (!descriptor.enumerable) {
      hidden.push([key, descriptor]);
      continue;
    }
    encodeKey(out, key);
    if ('value' in descriptor) encode(s, out, descriptor.value);
    else out.push(T.GETTER, accessorParts(descriptor));
    count += 1;
  }
  out[countAt] = count;
  out.push(hidden.length);
  for (const [key, descriptor] of hidden) {
    encodeKey(out, key);
    if ('value' in descriptor) encode(s, out, descriptor.value);
    else out.push(T.GETTER, accessorParts(descriptor));
  }
}

/** @param {Session} s @param {Out} out @param {any} object @returns {boolean} false if it has hidden properties, symbols or getters */
function encodeSimple(s, out, object) {
  const keys = Object.keys(object);
  if (Reflect.ownKeys(object).length !== keys.length) return false;
  const start = out.length;
  const added = s.mine.length;
  const refs = s.references;
  out.push(keys.length);
  for (const key of keys) {
    const descriptor = /** @type {PropertyDescriptor} */ (Reflect.getOwnPropertyDescriptor(object, key));
    if (!('value' in descriptor)) {
      out.length = start;
      s.forget(added);
      s.references = refs;
      return false;
    }
    const value = descriptor.value;
    out.push(key);
    if (typeof value === 'string' || value === null || value === undefined || typeof value === 'boolean') out.push(value);
    else encode(s, out, value);
  }
  return true;
}

/** @param {Session} s @param {Out} out @param {any} object @param {number} tag */
function encodePlain(s, out, object, tag) {
  if (!Object.isExtensible(object) && Object.isFrozen(object)) out.push(T.FROZEN);
  s.add(object);
  const mark = out.push(tag) - 1;
  if (encodeSimple(s, out, object)) return;
  out.length = mark;
  out.push(T.INSTANCE, tag === T.BARE ? null : '');
  encodeOwn(s, out, object);
}

/** @param {any[]} array @returns {boolean} */
function allPrimitive(array) {
  for (let i = 0; i < array.length; i += 1) {
    const value = array[i];
    const type = typeof value;
    if ((type === 'object' && value !== null) || type === 'function' || type === 'symbol') return false;
    if (value === undefined && !(i in array)) return false;
  }
  return true;
}

/** @param {Session} s @param {Out} out @param {any[]} array elements only */
function encodeElements(s, out, array) {
  if (array.length > 3 && allPrimitive(array)) {
    out.push(T.PRIMITIVES, array.slice());
    return;
  }
  out.push(T.ARRAY, array.length);
  for (let i = 0; i < array.length; i += 1) {
    const value = array[i];
    if (value === undefined && !(i in array)) out.push(T.HOLE);
    else encode(s, out, value);
  }
}

/** @param {Session} s @param {Out} out @param {any[]} array @param {Class} found */
function encodeArray(s, out, array, found) {
  if (!Object.isExtensible(array) && Object.isFrozen(array)) out.push(T.FROZEN);
  const extra = Object.keys(array).length > array.length || found.proto !== '';
  if (extra) beginExtended(s, out, array, found);
  s.add(array);
  encodeElements(s, out, array);
  if (extra) endExtended(s, out, array, (key) => key === 'length' || /^\d+$/.test(String(key)));
}

/** @param {Session} s @param {Out} out @param {object} object @param {Class} found */
function beginExtended(s, out, object, found) {
  out.push(T.EXTENDED);
  if (found.proto) encodeProto(s, out, found.proto, object);
  else out.push(null);
}

/** @param {Session} s @param {Out} out @param {any} object @param {(key: string | symbol) => boolean} skip */
function endExtended(s, out, object, skip) {
  const keys = Reflect.ownKeys(object).filter((key) => !skip(key));
  out.push(keys.length);
  for (const key of keys) {
    const descriptor = /** @type {PropertyDescriptor} */ (Reflect.getOwnPropertyDescriptor(object, key));
    encodeKey(out, key);
    if ('value' in descriptor) encode(s, out, descriptor.value);
    else out.push(T.GETTER, accessorParts(descriptor));
  }
}

/** @param {Session} s @param {Out} out @param {any} object @param {Class} found @param {() => void} body */
function maybeExtended(s, out, object, found, body) {
  const extra = found.proto !== '' || Object.keys(object).length > 0;
  if (extra) beginExtended(s, out, object, found);
  s.add(object);
  body();
  if (extra) endExtended(s, out, object, (key) => key === 'lastIndex');
}

/** @param {ArrayBufferView} view @returns {Uint8Array} a copy of exactly its bytes, of a buffer of its own */
function copyBytes(view) {
  return Uint8Array.prototype.slice.call(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
}

/** @param {Session} s @param {Out} out @param {any} error @param {Class} found */
function encodeError(s, out, error, found) {
  s.add(error);
  out.push(T.ERROR);
  encodePath(s, out, found.proto, program.resolve(found.proto) || Error.prototype);
  out.push(typeof error.stack === 'string' ? error.stack : null);
  const keys = Reflect.ownKeys(error).filter((key) => key !== 'stack');
  out.push(keys.length);
  for (const key of keys) {
    const descriptor = /** @type {PropertyDescriptor} */ (Reflect.getOwnPropertyDescriptor(error, key));
    encodeKey(out, key);
    out.push(descriptor.enumerable === true);
    if ('value' in descriptor) encode(s, out, descriptor.value);
    else out.push(T.GETTER, accessorParts(descriptor));
  }
}

/** @param {Session} s @param {Out} out @param {any} object @param {Class} found */
function encodeObject(s, out, object, found) {
  switch (found.kind) {
    case 'plain': encodePlain(s, out, object, T.PLAIN); return;
    case 'bare': encodePlain(s, out, object, T.BARE); return;
    case 'array': encodeArray(s, out, object, found); return;
    case 'instance':
      s.add(object);
      out.push(T.INSTANCE);
      encodeProto(s, out, found.proto, object);
      encodeOwn(s, out, object);
      return;
    case 'error': encodeError(s, out, object, found); return;
    case 'date':
      maybeExtended(s, out, object, found, () => out.push(T.DATE, Date.prototype.getTime.call(object)));
      return;
    case 'regexp':
      maybeExtended(s, out, object, found, () => out.push(T.REGEXP, object.source, object.flags, object.lastIndex));
      return;
    case 'map':
      maybeExtended(s, out, object, found, () => {
        out.push(T.MAP, Reflect.get(Map.prototype, 'size', object));
        for (const [key, value] of Map.prototype.entries.call(object)) {
          encode(s, out, key);
          encode(s, out, value);
        }
      });
      return;
    case 'set':
      maybeExtended(s, out, object, found, () => {
        out.push(T.SET, Reflect.get(Set.prototype, 'size', object));
        for (const value of Set.prototype.values.call(object)) encode(s, out, value);
      });
      return;
    case 'buffer':
      if (encodePart(s, out, object, object)) return;
      s.add(object);
      out.push(T.BUFFER, copyBytes(object));
      return;
    case 'view':
      if (isShared(object.buffer)) throw new CannotTravel('it is a view of shared memory');
      if (encodePart(s, out, object, object)) return;
      s.add(object);
      out.push(T.VIEW, object.constructor.name, copyBytes(object));
      return;
    case 'arraybuffer': {
      const all = new Uint8Array(object);
      if (encodePart(s, out, object, all)) return;
      s.add(object);
      out.push(T.ARRAY_BUFFER, copyBytes(all));
      return;
    }
    case 'shared':
      if (!s.peer || !s.peer.sharesMemory) throw new CannotTravel('it is shared memory');
      s.add(object);
      out.push(T.SHARED, object);
      return;
    case 'boxed':
      s.add(object);
      out.push(T.BOXED);
      encode(s, out, object.valueOf());
      return;
    case 'url': s.add(object); out.push(T.URL, object.href); return;
    case 'search': s.add(object); out.push(T.SEARCH, object.toString()); return;
    case 'key': encodeSecret(s, out, object); return;
    default: {
      const encoder = resources[found.kind];
      if (encoder && s.peer) encoder(s, out, object, found);
      else encodeOpaque(s, out, object, found.why || 'it belongs to its process');
    }
  }
}

/** @param {unknown} buffer @returns {boolean} */
function isShared(buffer) {
  return typeof SharedArrayBuffer === 'function' && buffer instanceof SharedArrayBuffer;
}

/** @param {Session} s @param {Out} out @param {import('node:crypto').KeyObject} key */
function encodeSecret(s, out, key) {
  s.add(key);
  if (key.type === 'secret') out.push(T.KEY, key.type, new Uint8Array(key.export()));
  else if (key.type === 'public') out.push(T.KEY, key.type, new Uint8Array(key.export({ type: 'spki', format: 'der' })));
  else out.push(T.KEY, key.type, new Uint8Array(key.export({ type: 'pkcs8', format: 'der' })));
}

/**
 * Writes a value of any kind; what cannot travel becomes opaque: the other side raises a violation if it uses it.
 * @param {Session} s @param {Out} out @param {any} value
 */
function encode(s, out, value) {
  switch (typeof value) {
    case 'number': out.push(T.NUMBER, value); return;
    case 'symbol': out.push(T.SYMBOL, nameOf(value)); return;
    case 'function': encodeFunction(s, out, value, false); return;
    case 'object': {
      if (value === null) {
        out.push(null);
        return;
      }
      if (encodeKnown(s, out, value)) return;
      if (program.stateValues.has(value)) {
        encodeOpaque(s, out, value, 'it is state of this stage');
        return;
      }
      const found = classOf(value);
      if (found.kind === 'opaque' || found.kind === 'instance' || found.kind === 'readable' || found.kind === 'socket'
        || found.kind === 'plain' || found.kind === 'bare' || s.mine.length > MAX_NODES) {
        const path = program.pathOf(value);
        if (path !== undefined && (found.kind !== 'plain' && found.kind !== 'bare' || s.mine.length > MAX_NODES || isCode(value))) {
          encodePath(s, out, path, value);
          return;
        }
      }
      encodeObject(s, out, value, found);
      return;
    }
    default: out.push(value);
  }
}

/**
 * Writes an argument or a captured value of a call.
 * @param {Session} s @param {Out} out @param {any} value @param {boolean} post a function that is called for its effect only
 * @throws {CannotTravel} if it cannot be sent as a whole: the handler then runs where it is
 */
function encodeArgument(s, out, value, post) {
  if (typeof value === 'function') {
    encodeFunction(s, out, value, post);
    return;
  }
  if (typeof value === 'object' && value !== null && !s.ids.has(value)) {
    const found = classOf(value);
    if ((found.kind === 'opaque' || found.kind === 'socket') && !remotes.has(value) && program.pathOf(value) === undefined) {
      throw new CannotTravel(found.why);
    }
  }
  encode(s, out, value);
}

module.exports = {
  encode, encodeArgument, encodeReference, encodeKey, encodeOwn, encodeElements, encodeProto, encodeOpaque, copyBytes, resources, remotes,
};
