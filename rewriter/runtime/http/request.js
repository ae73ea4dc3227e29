// @ts-check
/**
 * A request that a moved handler gets: a real IncomingMessage is built again on the stage, with the framework's
 * prototype and properties; a body that nobody has read yet flows over with credits when the handler asks for it.
 */
'use strict';

const http = require('node:http');
const T = require('../codec/tags.js');
const M = require('../messages.js');
const encoder = require('../codec/encode.js');
const decoder = require('../codec/decode.js');
const { encodeSocket, STATE: SOCKET } = require('./socket.js');
const { listing } = require('./own-keys.js');

/** @typedef {import('../session.js').Session} Session */
/** @typedef {import('../codec/decode.js').Reader} Reader */

const BODY_NONE = 0;
const BODY_STREAM = 1;
const BODY_READ = 2;

const READ = 0;
const CHUNK = 1;
const END = 2;
const ABORT = 3;
const ACKNOWLEDGE = 4;

/** Bytes of a body that may be on the way. */
const WINDOW = 256 * 1024;

const sample = new http.IncomingMessage(/** @type {any} */ (null));
/** Properties that Node itself gives a request. */
const CORE = new Set(Reflect.ownKeys(sample));
for (const key of ['_eventsCount', 'host', '_consumed', '_paused', 'timeoutCb']) CORE.add(key);
const PROTOTYPE = http.IncomingMessage.prototype;
/** Core properties that a middleware may change. */
const CHANGEABLE = new Set(['url', 'method']);

/** @param {any} request @param {string | symbol} key @returns {boolean} true for what Node, and not the application, has put there */
function isCore(request, key) {
  if (CORE.has(key)) return true;
  return key in PROTOTYPE && typeof request[key] === 'function';
}

const addedKeys = listing((request, key) => !isCore(request, key));
const ownKeys = listing((request, key) => CHANGEABLE.has(/** @type {string} */ (key)) || !isCore(request, key));

/** @param {any} request @returns {boolean} true if the headers are just those of the wire, none twice, none changed */
function headersAsReceived(request) {
  const { headers, rawHeaders } = request;
  if (Object.keys(headers).length * 2 !== rawHeaders.length) return false;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (headers[rawHeaders[i].toLowerCase()] !== rawHeaders[i + 1]) return false;
  }
  return true;
}

/** @param {any} request @returns {number} */
function bodyState(request) {
  if (request.readableEnded || request.destroyed) return BODY_READ;
  if (request.headers['transfer-encoding'] === undefined && !(Number(request.headers['content-length']) > 0)) return BODY_NONE;
  return BODY_STREAM;
}

/** The end of a request on the stage where it arrived. */
class SourceRequest {
  /** @param {Session} session @param {any} real */
  constructor(session, real) {
    this.session = session;
    this.real = real;
    this.inFlight = 0;
    this.reading = false;
    this.ended = false;
    this.ownKeys = ownKeys;
  }

  /** @param {Reader} r */
  message(r) {
    switch (r.next()) {
      case READ: this.start(); break;
      case ACKNOWLEDGE:
        this.inFlight -= r.next();
        if (this.reading && !this.ended && this.inFlight < WINDOW && this.real.isPaused()) this.real.resume();
        break;
      default: break;
    }
  }

  /** @param {any[]} payload */
  tell(payload) {
    const { session } = this;
    if (!session.peer || session.released) return;
    session.peer.send([M.BRIDGE, session.id, session.ids.get(this.real), ...payload]);
  }

  start() {
    if (this.reading) return;
    this.reading = true;
    const { real } = this;
    this.onData = (/** @type {any} */ chunk) => {
      const bytes = encoder.copyBytes(typeof chunk === 'string' ? Buffer.from(chunk, real.readableEncoding) : chunk);
      this.inFlight += bytes.length;
      this.tell([CHUNK, bytes]);
      if (this.inFlight >= WINDOW) real.pause();
    };
    this.onEnd = () => {
      this.ended = true;
      this.tell([END, real.rawTrailers.slice()]);
    };
    this.onClose = () => {
      if (!this.ended) this.tell([ABORT]);
      this.ended = true;
    };
    if (real.readableEnded) this.onEnd();
    else if (real.destroyed) this.onClose();
    else {
      real.on('data', this.onData);
      real.on('end', this.onEnd);
      real.on('close', this.onClose);
      // Nobody else listens: without a listener an aborted upload would be an uncaught error.
      real.on('error', this.onClose);
    }
  }

  close() {
    if (!this.reading || this.ended) return;
    this.ended = true;
    const { real } = this;
    real.off('data', this.onData);
    real.off('end', this.onEnd);
    real.off('close', this.onClose);
    // Whatever is left is nobody's: let the connection go on to its next request.
    if (!real.destroyed) real.resume();
  }
}

/** The end of a request on the stage of the handler. */
class CopiedRequest {
  /** @param {Session} session @param {any} copy @param {number} body */
  constructor(session, copy, body) {
    this.session = session;
    this.copy = copy;
    this.body = body;
    this.asked = false;
    this.unacknowledged = 0;
    this.pushed = 0;
    this.over = body !== BODY_STREAM;
    this.ownKeys = ownKeys;
  }

  /** @param {any[]} payload */
  tell(payload) {
    const { session } = this;
    if (!session.peer || session.ended) return;
    session.peer.send([M.BRIDGE, session.id, session.ids.get(this.copy), ...payload]);
  }

  /** Somebody reads the body. */
  pull() {
    if (this.over) return;
    if (!this.asked) {
      this.asked = true;
      this.tell([READ]);
    }
    this.acknowledge(this.unacknowledged);
  }

  /** @param {number} bytes */
  acknowledge(bytes) {
    if (bytes === 0) return;
    this.unacknowledged = 0;
    this.tell([ACKNOWLEDGE, bytes]);
  }

  /** @param {Reader} r */
  message(r) {
    const { copy } = this;
    switch (r.next()) {
      case CHUNK: {
        if (copy.destroyed) break;
        const bytes = decoder.asBuffer(r.next());
        this.unacknowledged += bytes.length;
        const more = copy.push(bytes);
        if (more && this.unacknowledged >= WINDOW / 4) this.acknowledge(this.unacknowledged);
        break;
      }
      case END: {
        this.over = true;
        const trailers = r.next();
        if (trailers.length > 0) addLines(copy, trailers);
        copy.complete = true;
        copy.push(null);
        break;
      }
      case ABORT: this.abort(); break;
      default: break;
    }
  }

  /** The client has gone. */
  abort() {
    this.over = true;
    const { copy } = this;
    if (copy.destroyed) return;
    /** @type {any} */
    const error = new Error('aborted');
    error.code = 'ECONNRESET';
    copy.socket[SOCKET].silent = true;
    copy.destroy(error);
    if (!copy.socket.destroyed) copy.socket.destroy();
  }

  /** @param {Error} _error the other stage is gone */
  fail(_error) {
    this.abort();
  }
}

/** @param {any} copy @param {string[]} lines raw trailers */
function addLines(copy, lines) {
  copy.rawTrailers = lines;
  for (let i = 0; i < lines.length; i += 2) copy._addHeaderLine(lines[i], lines[i + 1], copy.trailers);
}

/** @param {Session} s @param {any[]} out @param {any} request @param {import('../codec/classes.js').Class} found */
function encodeRequest(s, out, request, found) {
  s.add(request);
  s.bridges.set(request, new SourceRequest(s, request));
  out.push(T.REQUEST);
  if (found.proto) encoder.encodeProto(s, out, found.proto, request);
  else out.push(null);
  encodeSocket(s, out, request.socket);
  out.push(request.method, request.url, request.httpVersionMajor, request.httpVersionMinor, request.rawHeaders,
    request.joinDuplicateHeaders, bodyState(request), request.complete, request.aborted, request.upgrade,
    request.readableEncoding);
  const { headers } = request;
  const asReceived = headersAsReceived(request);
  out.push(asReceived);
  if (!asReceived) out.push(Object.entries(headers).flat(1));
  s.add(headers);
  const keys = addedKeys(request);
  out.push(keys.length);
  for (const key of keys) {
    encoder.encodeKey(out, key);
    encoder.encode(s, out, request[key]);
  }
}

/** @this {any} asks the entry stage for more of the body */
function readBody() {
  this[BRIDGE].pull();
}

const BRIDGE = Symbol('pipetrace.request');
CORE.add(BRIDGE);

/** @param {Session} s @param {Reader} r @returns {any} */
function decodeRequest(s, r) {
  const index = s.theirs.push(null) - 1;
  const token = r.next();
  r.at -= 1;
  const proto = token === null ? (r.next(), PROTOTYPE) : decoder.decodeProto(r);
  const socket = decoder.decode(s, r);
  /** @type {any} */
  const copy = new http.IncomingMessage(socket);
  s.replace(index, copy);
  s.standsFor(copy, index);
  copy.method = r.next();
  copy.url = r.next();
  copy.httpVersionMajor = r.next();
  copy.httpVersionMinor = r.next();
  copy.httpVersion = `${copy.httpVersionMajor}.${copy.httpVersionMinor}`;
  const raw = r.next();
  copy.joinDuplicateHeaders = r.next();
  copy._addHeaderLines(raw, raw.length);
  const body = r.next();
  copy.complete = r.next();
  copy.aborted = r.next();
  copy.upgrade = r.next();
  const encoding = r.next();
  const bridge = new CopiedRequest(s, copy, body);
  s.bridges.set(copy, bridge);
  Object.defineProperty(copy, BRIDGE, { value: bridge, enumerable: false });
  startBody(copy, body, encoding);
  if (r.next() === false) replaceHeaders(copy.headers, r.next());
  s.receive(copy.headers);
  if (proto !== PROTOTYPE) Object.setPrototypeOf(copy, proto);
  let count = r.next();
  while (count-- > 0) {
    const key = decoder.decodeKey(r);
    decoder.setOwn(copy, key, decoder.decode(s, r));
  }
  return copy;
}

/** @param {any} copy @param {number} body @param {string | null} encoding */
function startBody(copy, body, encoding) {
  Object.defineProperty(copy, '_read', { value: readBody, enumerable: false, configurable: true, writable: true });
  if (encoding) copy.setEncoding(encoding);
  if (body === BODY_STREAM) return;
  copy.complete = true;
  if (body === BODY_NONE) {
    copy.push(null);
    return;
  }
  // Read to its end before: no event will come any more, as in the original.
  const state = copy._readableState;
  state.ended = true;
  state.endEmitted = true;
  state.readable = false;
  copy.readable = false;
}

/** @param {Record<string, any>} headers @param {any[]} pairs */
function replaceHeaders(headers, pairs) {
  for (const name of Object.keys(headers)) delete headers[name];
  for (let i = 0; i < pairs.length; i += 2) headers[pairs[i]] = pairs[i + 1];
}

encoder.resources.request = encodeRequest;
decoder.resources[T.REQUEST] = decodeRequest;

module.exports = { CopiedRequest };
