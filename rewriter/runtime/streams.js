// @ts-check
/** Readable streams as values: the other side gets one that it can read or pipe, filled with credits. */
'use strict';

const { Readable } = require('node:stream');
const T = require('./codec/tags.js');
const M = require('./messages.js');
const encoder = require('./codec/encode.js');
const decoder = require('./codec/decode.js');

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./codec/decode.js').Reader} Reader */

const CHUNK = 0;
const END = 1;
const FAILED = 2;
const CREDIT = 3;
const DESTROY = 4;

const WINDOW = 256 * 1024;
/** How often a reader is looked after at once, and then how slowly, before an error that follows what it has not read yet. */
const EAGER = 100;
const PATIENT_MS = 20;

/** @param {Session} s @param {object} object @param {any[]} payload */
function tell(s, object, payload) {
  if (s.peer && !s.released) s.peer.send([M.BRIDGE, s.id, s.ids.get(object), ...payload]);
}

/** @param {Session} s tells that a stream does not keep the session alive any more */
function letGo(s) {
  s.holds -= 1;
  if (s.peer) s.peer.maybeDrop(s);
}

/** @param {Session} s @param {any[]} out @param {any} stream */
function encodeReadable(s, out, stream) {
  s.add(stream);
  s.references += 1;
  s.holds += 1;
  // Streams of the package readable-stream have their state, and not always the properties that tell it.
  const state = stream._readableState;
  const objectMode = Boolean(state.objectMode);
  out.push(T.READABLE, objectMode, state.encoding || null);
  const destroy = () => {
    if (typeof stream.destroy === 'function') stream.destroy();
  };
  let window = 0;
  let over = false;
  const finish = () => {
    if (over) return;
    over = true;
    letGo(s);
  };
  const pump = () => {
    while (!over && window > 0) {
      const chunk = stream.read();
      if (chunk === null) return;
      window -= objectMode ? 1024 : chunk.length;
      /** @type {any[]} */
      const payload = [CHUNK];
      if (objectMode || typeof chunk === 'string') encoder.encode(s, payload, chunk);
      else payload.push(encoder.copyBytes(chunk));
      tell(s, stream, payload);
    }
  };
  let listening = false;
  const listen = () => {
    if (listening) return;
    listening = true;
    stream.on('readable', pump);
    stream.on('end', () => {
      tell(s, stream, [END]);
      finish();
    });
  };
  // An error before anybody reads reaches the reader too.
  stream.on('error', (/** @type {any} */ error) => {
    /** @type {any[]} */
    const payload = [FAILED];
    encoder.encode(s, payload, error);
    tell(s, stream, payload);
    finish();
  });
  stream.on('close', () => {
    if (!over && !state.endEmitted) tell(s, stream, [FAILED, null]);
    finish();
  });
  s.bridges.set(stream, {
    /** @param {Reader} r */
    message(r) {
      if (r.next() === CREDIT) {
        window += r.next();
        listen();
        pump();
      } else destroy();
    },
    ownKeys: () => [],
    fail: destroy,
  });
}

/** @param {Session} s @param {Reader} r @returns {Readable} */
function decodeReadable(s, r) {
  const index = s.theirs.length;
  const objectMode = r.next();
  const encoding = r.next();
  let asked = 0;
  let over = false;
  /** How the other side ended, once it has: what came before is read first. @type {{error: any} | null} */
  let broken = null;
  let tries = 0;
  const breakOff = () => {
    if (stream.destroyed || !broken) return;
    tries += 1;
    if (stream.readableLength === 0) stream.destroy(broken.error || undefined);
    else if (tries < EAGER) setImmediate(breakOff);
    else setTimeout(breakOff, PATIENT_MS).unref();
  };
  const stream = new Readable({
    objectMode,
    read() {
      if (asked >= WINDOW / 2 || over) return;
      const more = WINDOW - asked;
      asked += more;
      tell(s, stream, [CREDIT, more]);
    },
    destroy(error, done) {
      if (!over) {
        over = true;
        tell(s, stream, [DESTROY]);
        letGo(s);
      }
      done(error);
    },
  });
  if (encoding) stream.setEncoding(encoding);
  s.receive(stream);
  s.standsFor(stream, index);
  s.references += 1;
  s.holds += 1;
  s.bridges.set(stream, {
    /** @param {Reader} m */
    message(m) {
      switch (m.next()) {
        case CHUNK: {
          let chunk = decoder.decode(s, m);
          if (!objectMode && typeof chunk === 'object') chunk = decoder.asBuffer(chunk);
          asked -= objectMode ? 1024 : chunk.length;
          stream.push(chunk, encoding || undefined);
          break;
        }
        case END:
          over = true;
          stream.push(null);
          letGo(s);
          break;
        case FAILED: {
          over = true;
          broken = { error: decoder.decode(s, m) };
          breakOff();
          letGo(s);
          break;
        }
        default: break;
      }
    },
    ownKeys: () => [],
    /** @param {Error} error */
    fail(error) {
      over = true;
      stream.destroy(error);
    },
  });
  return stream;
}

encoder.resources.readable = encodeReadable;
decoder.resources[T.READABLE] = decodeReadable;

module.exports = { encodeReadable };
