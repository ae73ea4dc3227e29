// @ts-check
/** Views of the same bytes see one another's changes: a part of what has travelled already is a part there too. */
'use strict';

const T = require('./tags.js');
const { CannotTravel } = require('../errors.js');

/** @typedef {import('../session.js').Session} Session */

/**
 * Bytes of a buffer that a message carries: from, to, and the view, or the buffer itself, that has them.
 * @typedef {[number, number, any]} Claim
 */

/**
 * @param {Session} s @param {any[]} out @param {any} object a view, or a whole buffer @param {ArrayBufferView} view its bytes
 * @returns {boolean} false if its bytes are new, and have to be written
 * @throws {CannotTravel} if it shares some bytes with another view, and neither can be made of the other
 */
function encodePart(s, out, object, view) {
  const { bytes } = s;
  if (bytes === null) return false;
  const start = view.byteOffset;
  const end = start + view.byteLength;
  const claims = (bytes.get(view.buffer) || []).filter((claim) => s.ids.has(claim[2]));
  bytes.set(view.buffer, claims);
  const shared = claims.find(([from, to]) => start < to && from < end);
  if (!shared) {
    claims.push([start, end, object]);
    return false;
  }
  const [from, to, whole] = shared;
  const id = s.ids.get(whole);
  const size = /** @type {any} */ (object).BYTES_PER_ELEMENT || 1;
  if (from > start || to < end || (start - from) % size !== 0 || (size > 1 && Buffer.isBuffer(whole))) {
    throw new CannotTravel('it shares its bytes with another view');
  }
  s.add(object);
  out.push(T.PART, id, nameOfView(object), start - from, view.byteLength / size);
  return true;
}

/** @param {any} object @returns {string} the class that makes it of a buffer, or '' for the buffer itself */
function nameOfView(object) {
  if (Buffer.isBuffer(object)) return 'Buffer';
  return ArrayBuffer.isView(object) ? object.constructor.name : '';
}

/** @param {any} whole view or buffer that came before @param {string} name @param {number} offset bytes @param {number} length elements @returns {any} */
function makePart(whole, name, offset, length) {
  const isView = ArrayBuffer.isView(whole);
  const buffer = isView ? whole.buffer : whole;
  if (name === '') return buffer;
  const start = offset + (isView ? whole.byteOffset : 0);
  if (name === 'Buffer') return Buffer.from(buffer, start, length);
  return new (/** @type {any} */ (globalThis)[name])(buffer, start, length);
}

module.exports = { encodePart, makePart };
