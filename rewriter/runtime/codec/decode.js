// @ts-check
/** Reads values from a flat message: the mirror of encode.js. */
'use strict';

const crypto = require('node:crypto');
const T = require('./tags.js');
const { CannotTravel } = require('../errors.js');
const program = require('../program.js');
const { symbolOf } = require('../symbols.js');
const references = require('../references.js');
const { makePart } = require('./parts.js');

/** @typedef {import('../session.js').Session} Session */

/** A position in a message. */
class Reader {
  /** @param {any[]} tokens @param {number} at */
  constructor(tokens, at) {
    this.tokens = tokens;
    this.at = at;
  }

  /** @returns {any} */
  next() {
    return this.tokens[this.at++];
  }
}

/** Decoders of resources; their modules put themselves here. @type {Record<number, (s: Session, r: Reader) => any>} */
const resources = Object.create(null);

/** @param {Reader} r @param {boolean} checked @returns {any} */
function decodePath(r, checked) {
  const path = r.next();
  const signature = checked ? r.next() : '';
  const found = program.resolve(path);
  if (found === undefined) throw new CannotTravel(`this stage has nothing at ${show(path)}`);
  if (checked && program.signature(found) !== signature) {
    throw new CannotTravel(`this stage has something else at ${show(path)}`);
  }
  return found;
}

/** @param {string} path @returns {string} */
function show(path) {
  return path.split('\u0001').join(' ');
}

/** @param {Reader} r @returns {any} */
function decodeProto(r) {
  const token = r.next();
  if (token === '') return Object.prototype;
  if (token === null) return null;
  return decodePath(r, token === T.PATH_CHECKED);
}

/** @param {Reader} r @returns {string | symbol} */
function decodeKey(r) {
  const token = r.next();
  return typeof token === 'string' ? token : symbolOf(r.next());
}

/** @param {any} object @param {string | symbol} key @param {boolean} enumerable @param {Session} s @param {Reader} r */
function decodeProperty(object, key, enumerable, s, r) {
  if (r.tokens[r.at] === T.GETTER) {
    r.at += 1;
    references.receiveAccessor(s, object, key, enumerable, r.next());
    return;
  }
  const value = decode(s, r);
  Object.defineProperty(object, key, { value, enumerable, configurable: true, writable: true });
}

/** @param {Session} s @param {Reader} r @param {any} object */
function decodeOwn(s, r, object) {
  let count = r.next();
  while (count-- > 0) {
    const key = decodeKey(r);
    if (r.tokens[r.at] === T.GETTER || key === '__proto__') decodeProperty(object, key, true, s, r);
    else setOwn(object, key, decode(s, r));
  }
  count = r.next();
  while (count-- > 0) decodeProperty(object, decodeKey(r), false, s, r);
}

/** @param {any} object @param {string | symbol} key @param {any} value */
function setOwn(object, key, value) {
  // Assigning would run a setter of the prototype.
  if (key in object) Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  else object[key] = value;
}

/** @param {Session} s @param {Reader} r @param {any} object */
function decodeSimple(s, r, object) {
  let count = r.next();
  while (count-- > 0) {
    const key = r.next();
    const token = r.tokens[r.at];
    let value = token;
    if (typeof token === 'number') value = decode(s, r);
    else r.at += 1;
    if (key === '__proto__') setOwn(object, key, value);
    else object[key] = value;
  }
  return object;
}

/** @param {Session} s @param {Reader} r @param {any[]} array an empty one @returns {any[]} */
function fillArray(s, r, array) {
  const length = r.next();
  for (let i = 0; i < length; i += 1) {
    if (r.tokens[r.at] === T.HOLE) r.at += 1;
    else array[i] = decode(s, r);
  }
  if (array.length !== length) array.length = length;
  return array;
}

/** @param {Session} s @param {Reader} r @returns {any[]} elements of an array that both sides know already */
function decodeElements(s, r) {
  if (r.next() === T.PRIMITIVES) return r.next();
  return fillArray(s, r, []);
}

/** @param {Session} s @param {Reader} r @returns {any} */
function decodeError(s, r) {
  const proto = decodeProto(r);
  const stack = r.next();
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  /** @type {any} */
  const error = new Error();
  Error.stackTraceLimit = limit;
  s.receive(error);
  Object.setPrototypeOf(error, proto);
  let count = r.next();
  while (count-- > 0) {
    const key = decodeKey(r);
    const enumerable = r.next();
    decodeProperty(error, key, enumerable, s, r);
  }
  if (stack !== null) Object.defineProperty(error, 'stack', { value: stack, enumerable: false, configurable: true, writable: true });
  return error;
}

/** @param {Session} s @param {Reader} r @returns {any} */
function decodeExtended(s, r) {
  const token = r.next();
  const proto = token === null ? null : decodePath(r, token === T.PATH_CHECKED);
  const object = decode(s, r);
  if (proto) Object.setPrototypeOf(object, proto);
  let count = r.next();
  while (count-- > 0) decodeProperty(object, decodeKey(r), true, s, r);
  return object;
}

/** @param {Uint8Array} bytes @returns {Buffer} */
function asBuffer(bytes) {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** @param {string} name @param {Uint8Array} bytes @returns {ArrayBufferView} */
function asView(name, bytes) {
  const own = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
  return new (/** @type {any} */ (globalThis)[name])(own.buffer);
}

/** @param {string} type @param {Uint8Array} bytes @returns {crypto.KeyObject} */
function asKey(type, bytes) {
  const data = asBuffer(bytes);
  if (type === 'secret') return crypto.createSecretKey(data);
  if (type === 'public') return crypto.createPublicKey({ key: data, format: 'der', type: 'spki' });
  return crypto.createPrivateKey({ key: data, format: 'der', type: 'pkcs8' });
}

/** @param {Session} s @param {Reader} r @param {number} tag @returns {any} */
function decodeTagged(s, r, tag) {
  switch (tag) {
    case T.NUMBER: return r.next();
    case T.MINE: return s.theirs[r.next()];
    case T.YOURS: return s.mine[r.next()];
    case T.ELSEWHERE: {
      const session = s.peer && s.peer.find(r.next());
      const position = r.next();
      if (!session) throw new CannotTravel('its chain has ended');
      return session.mine[position];
    }
    case T.PLAIN: return decodeSimple(s, r, s.receive({}));
    case T.BARE: return decodeSimple(s, r, s.receive(Object.create(null)));
    case T.ARRAY: return fillArray(s, r, s.receive(/** @type {any[]} */ ([])));
    case T.PRIMITIVES: return s.receive(r.next().slice());
    case T.INSTANCE: {
      const object = s.receive(Object.create(decodeProto(r)));
      decodeOwn(s, r, object);
      return object;
    }
    case T.MAP: {
      const map = s.receive(new Map());
      let count = r.next();
      while (count-- > 0) {
        const key = decode(s, r);
        map.set(key, decode(s, r));
      }
      return map;
    }
    case T.SET: {
      const set = s.receive(new Set());
      let count = r.next();
      while (count-- > 0) set.add(decode(s, r));
      return set;
    }
    case T.DATE: return s.receive(new Date(r.next()));
    case T.REGEXP: {
      const regexp = s.receive(new RegExp(r.next(), r.next()));
      regexp.lastIndex = r.next();
      return regexp;
    }
    case T.ERROR: return decodeError(s, r);
    case T.VIEW: return s.receive(asView(r.next(), r.next()));
    case T.BUFFER: return s.receive(asBuffer(r.next()));
    case T.ARRAY_BUFFER: return s.receive(asView('Uint8Array', r.next()).buffer);
    case T.PART: return s.receive(makePart(s.theirs[r.next()], r.next(), r.next(), r.next()));
    case T.SHARED: return s.receive(r.next());
    case T.PATH: return decodePath(r, false);
    case T.PATH_CHECKED: return decodePath(r, true);
    case T.FUNCTION: return references.receiveFunction(s, r.next(), r.next(), r.next());
    case T.OPAQUE: return references.receiveOpaque(s, r.next(), r.next());
    case T.SYMBOL: return symbolOf(r.next());
    case T.BOXED: {
      const position = s.receive(null, true);
      const boxed = Object(decode(s, r));
      s.replace(position, boxed);
      return boxed;
    }
    case T.URL: return s.receive(new URL(r.next()));
    case T.SEARCH: return s.receive(new URLSearchParams(r.next()));
    case T.KEY: return s.receive(asKey(r.next(), r.next()));
    case T.FROZEN: return Object.freeze(decode(s, r));
    case T.EXTENDED: return decodeExtended(s, r);
    default: {
      const decoder = resources[tag];
      if (!decoder) throw new CannotTravel(`unknown tag ${tag}`);
      return decoder(s, r);
    }
  }
}

/** @param {Session} s @param {Reader} r @returns {any} */
function decode(s, r) {
  const token = r.next();
  if (typeof token === 'number') return decodeTagged(s, r, token);
  return token;
}

module.exports = {
  Reader, decode, decodeElements, decodeKey, decodeOwn, decodeProto, decodeProperty, setOwn, asBuffer, resources,
};
