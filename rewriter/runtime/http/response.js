// @ts-check
/**
 * A response that a moved handler gets: on the stage a real ServerResponse whose bytes go nowhere, so that everything
 * Node does (validation, errors, events, back-pressure) happens there too; each call is recorded and made literally on
 * the real response of the entry stage, in the same order.
 */
'use strict';

const http = require('node:http');
const T = require('../codec/tags.js');
const M = require('../messages.js');
const encoder = require('../codec/encode.js');
const decoder = require('../codec/decode.js');
const { applyChanges, encodeChanges } = require('../codec/changes.js');
const { STATE: SOCKET } = require('./socket.js');
const { CopiedRequest } = require('./request.js');
const endings = require('./endings.js');
const { listing } = require('./own-keys.js');

/** @typedef {import('../session.js').Session} Session */
/** @typedef {import('../codec/decode.js').Reader} Reader */

/** Calls that are recorded; the position is the operation's number. */
const CALLS = ['setHeader', 'removeHeader', 'appendHeader', 'setHeaders', 'writeHead', 'write', 'end', 'flushHeaders',
  'writeContinue', 'writeProcessing', 'writeEarlyHints', 'addTrailers', 'cork', 'uncork', 'destroy', 'setTimeout',
  'writeHeader'];
/** Properties that are set, and matter when the head is written. */
const SETTINGS = ['statusCode', 'statusMessage', 'sendDate', 'shouldKeepAlive', 'useChunkedEncodingByDefault', 'strictContentLength'];
/** Calls that write the head, before which middleware on the entry must see what the handler changed. */
const WRITES = new Set(['writeHead', 'write', 'end', 'flushHeaders', 'writeHeader']);

const OP_CHANGES = 100;
const OP_SETTING = 101;
const OP_WATCH = 102;

const EVENT_FINISH = 0;
const EVENT_CLOSE = 1;
const EVENT_CREDIT = 2;
const EVENT_TIMEOUT = 3;

/** Bytes of a response that may be on the way. */
const WINDOW = 256 * 1024;

const PROTOTYPE = /** @type {any} */ (http.ServerResponse.prototype);
const sample = /** @type {any} */ (new http.ServerResponse(new http.IncomingMessage(/** @type {any} */ (null))));
const CORE = new Set(Reflect.ownKeys(sample));
for (const key of ['statusCode', 'statusMessage', '_maxRequestsPerSocket', '_eventsCount', 'timeoutCb', '_httpMessage', 'detachSocket']) CORE.add(key);

/** @param {string} name @returns {symbol | undefined} a private key of Node's responses */
function privateKey(name) {
  return Object.getOwnPropertySymbols(sample).find((symbol) => symbol.description === name);
}
const OUT_HEADERS = privateKey('kOutHeaders');
const NEED_DRAIN = privateKey('kNeedDrain');
CORE.add('_header');

/** @param {any} response @param {string | symbol} key @returns {boolean} */
function isCore(response, key) {
  if (CORE.has(key)) return true;
  if (typeof key === 'symbol') return key.description === 'kUniqueHeaders';
  return key in PROTOTYPE && typeof response[key] === 'function';
}

const ownKeys = listing((response, key) => !isCore(response, key));

/** The end of a response on the stage that has the connection. */
class RealResponse {
  /** @param {Session} session @param {any} real */
  constructor(session, real) {
    this.session = session;
    this.real = real;
    this.ownKeys = ownKeys;
    this.consumed = 0;
    this.waiting = false;
    this.watched = false;
    /** @type {((value?: any) => void)[]} */
    this.waitingForEnd = [];
    this.closed = real.destroyed || (real.writableFinished && real.closed);
    endings.watch(real, this);
  }

  onClose() {
    this.closed = true;
    const { session: s, real } = this;
    if (!s.ended && (this.watched || !real.writableFinished)) this.tell([EVENT_CLOSE, real.writableFinished]);
    if (s.done && s.peer) s.peer.release(s);
    this.tellEnded();
  }

  onFinish() {
    if (this.watched) this.tell([EVENT_FINISH]);
  }

  onDrain() {
    if (!this.waiting) return;
    this.waiting = false;
    this.credit(0);
  }

  /** @param {any[]} payload */
  tell(payload) {
    const { session } = this;
    if (!session.peer || session.released) return;
    session.peer.send([M.BRIDGE, session.id, session.ids.get(this.real), ...payload]);
  }

  /** @param {Reader} r @param {number} end */
  message(r, end) {
    try {
      while (r.at < end) this.replay(r, r.next());
    } catch (error) {
      // In the original this would have been thrown where the handler called.
      const { call } = this.session;
      if (call && call.give) call.give(error);
      else process.nextTick(() => { throw error; });
    }
  }

  /** @param {Reader} r @param {number} op */
  replay(r, op) {
    const { real, session } = this;
    switch (op) {
      case OP_CHANGES: applyChanges(session, r); return;
      case OP_SETTING: {
        const name = r.next();
        real[name] = decoder.decode(session, r);
        return;
      }
      case OP_WATCH: this.watch(); return;
      default: {
        const name = /** @type {string} */ (CALLS[op]);
        let count = r.next();
        if (name === 'write' || name === 'end') {
          this.write(name, count > 0 ? chunkOf(r.next()) : undefined, count > 1 ? r.next() : undefined, count);
          return;
        }
        const args = [];
        while (count-- > 0) args.push(decoder.decode(session, r));
        if (name === 'setTimeout') real.setTimeout(args[0], args[1] ? () => this.tell([EVENT_TIMEOUT]) : undefined);
        else real[name](...args);
      }
    }
  }

  /** @param {string} name @param {any} chunk @param {any} encoding @param {number} count */
  write(name, chunk, encoding, count) {
    const { real } = this;
    if (count === 0) real[name]();
    else if (encoding === undefined) real[name](chunk);
    else real[name](chunk, encoding);
    if (!chunk || real.writableEnded) return;
    this.consumed += typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.length;
    if (this.waiting) return;
    if (real.writableNeedDrain) this.waiting = true;
    else this.credit(WINDOW / 4);
  }

  /** @param {number} least */
  credit(least) {
    if (this.consumed <= least) return;
    this.tell([EVENT_CREDIT, this.consumed]);
    this.consumed = 0;
  }

  /** The handler waits for the end of the response. */
  watch() {
    if (this.watched) return;
    this.watched = true;
    const { real } = this;
    if (real.writableFinished) this.tell([EVENT_FINISH]);
    if (this.closed) this.tell([EVENT_CLOSE, real.writableFinished]);
  }

  /** @param {(value?: any) => void} done called when the response has been ended */
  whenEnded(done) {
    if (this.real.writableEnded || this.isOver()) done();
    else this.waitingForEnd.push(done);
  }

  tellEnded() {
    const waiting = this.waitingForEnd;
    this.waitingForEnd = [];
    for (const done of waiting) done();
  }

  close() {
    if (this.waitingForEnd.length === 0) endings.unwatch(this.real, this);
  }

  /** @returns {boolean} true when nothing more will come of this response */
  isOver() {
    return this.closed || this.real.closed;
  }
}

/** @param {any} token @returns {any} */
function chunkOf(token) {
  return typeof token === 'object' && token !== null ? decoder.asBuffer(token) : token;
}

const STATE = Symbol('pipetrace.response');
CORE.add(STATE);

/** The end of a response on the stage of the handler. */
class CopiedResponse {
  /** @param {Session} session @param {any} copy */
  constructor(session, copy) {
    this.session = session;
    this.copy = copy;
    this.depth = 0;
    this.ownKeys = ownKeys;
    /** @type {any[] | null} the message that takes further operations as long as it is the last of this tick */
    this.open = null;
    /** @type {any[]} last told values of SETTINGS */
    this.settings = SETTINGS.map((name) => copy[name]);
    this.inFlight = 0;
    /** @type {(() => void) | null} */
    this.held = null;
    this.watching = false;
    this.headed = false;
    this.endRecorded = false;
    this.finished = false;
  }

  /** @returns {any[]} */
  begin() {
    const { session } = this;
    const peer = /** @type {import('../peer.js').Peer} */ (session.peer);
    if (!this.open || peer.out[peer.out.length - 1] !== this.open) {
      this.open = [M.BRIDGE, session.id, session.ids.get(this.copy)];
      peer.send(this.open);
    }
    return this.open;
  }

  /** @param {any[]} message tells settings that changed since they were told */
  tellSettings(message) {
    for (let i = 0; i < SETTINGS.length; i += 1) {
      const name = /** @type {string} */ (SETTINGS[i]);
      const value = this.copy[name];
      if (value !== this.settings[i]) {
        this.settings[i] = value;
        message.push(OP_SETTING, name);
        encoder.encode(this.session, message, value);
      }
    }
  }

  /** Tells everything that the handler changed so far. */
  sync() {
    const { session } = this;
    if (!session.peer || session.ended) return;
    /** @type {any[]} */
    const changes = [OP_CHANGES];
    encodeChanges(session, changes);
    if (changes[1] > 0) this.begin().push(...changes);
    for (let i = 0; i < SETTINGS.length; i += 1) {
      if (this.copy[/** @type {string} */ (SETTINGS[i])] !== this.settings[i]) {
        this.tellSettings(this.begin());
        break;
      }
    }
  }

  /**
   * @param {number} op @param {string} name @param {Function} core @param {any[]} args
   * @returns {any} what Node's own method returns here
   */
  record(op, name, core, args) {
    const { session, copy } = this;
    if (!session.peer || session.ended || this.endRecorded) return this.local(core, args);
    if (WRITES.has(name) && (!this.headed || name === 'end')) {
      this.headed = true;
      this.sync();
    }
    const message = this.begin();
    const mark = message.length;
    const added = session.mine.length;
    this.tellSettings(message);
    message.push(op);
    if (name === 'write' || name === 'end') this.recordChunk(message, name, args);
    else {
      const plain = name === 'setTimeout' ? [args[0], typeof args[1] === 'function' || copy.listenerCount('timeout') > 0]
        : args.filter((value) => typeof value !== 'function');
      message.push(plain.length);
      for (const value of plain) encoder.encode(session, message, value);
    }
    try {
      return this.local(core, args);
    } catch (error) {
      message.length = mark;
      session.forget(added);
      this.settings = this.settings.map(() => Symbol.iterator);
      if (name === 'end') this.endRecorded = false;
      throw error;
    }
  }

  /** @param {Function} core @param {any[]} args @returns {any} */
  local(core, args) {
    this.depth += 1;
    try {
      return Reflect.apply(core, this.copy, args);
    } finally {
      this.depth -= 1;
    }
  }

  /** @param {any[]} message @param {string} name @param {any[]} args */
  recordChunk(message, name, args) {
    const callback = args.some((value) => typeof value === 'function');
    const [chunk, encoding] = typeof args[0] === 'function' ? [] : args;
    if (chunk === undefined && name === 'end') message.push(0);
    else {
      const named = typeof encoding === 'string';
      message.push(named ? 2 : 1);
      if (ArrayBuffer.isView(chunk)) {
        const bytes = encoder.copyBytes(chunk);
        this.inFlight += bytes.length;
        message.push(bytes);
      } else {
        if (typeof chunk === 'string') this.inFlight += chunk.length;
        message.push(typeof chunk === 'string' ? chunk : null);
      }
      if (named) message.push(encoding);
    }
    if (name === 'end') {
      this.endRecorded = true;
      if (callback || this.isObserved()) {
        this.watching = true;
        message.push(OP_WATCH);
      }
    }
  }

  /** @returns {boolean} true if the handler listens for what becomes of the response */
  isObserved() {
    const { copy } = this;
    return copy.listenerCount('finish') > 0 || copy.listenerCount('close') > 0 || copy.listenerCount('error') > 0
      || (copy.req && (copy.req.listenerCount('close') > 0 || copy.req.listenerCount('aborted') > 0));
  }

  /** @param {() => void} done lets Node go on with the next chunk, as fast as the client takes them */
  gate(done) {
    const wait = this.endRecorded ? this.watching && !this.finished : this.inFlight > WINDOW;
    if (wait) this.held = done;
    else done();
  }

  goOn() {
    const done = this.held;
    this.held = null;
    if (done) done();
  }

  /** @param {Reader} r */
  message(r) {
    const { copy } = this;
    switch (r.next()) {
      case EVENT_CREDIT:
        this.inFlight -= r.next();
        if (this.held && this.inFlight <= WINDOW) this.goOn();
        break;
      case EVENT_FINISH:
        this.finished = true;
        this.goOn();
        break;
      case EVENT_TIMEOUT: copy.emit('timeout', copy.socket); break;
      case EVENT_CLOSE:
        if (r.next()) setImmediate(() => this.finish());
        else this.abort();
        break;
      default: break;
    }
  }

  /** The response has been sent: what Node's server does then. */
  finish() {
    const { copy } = this;
    if (copy.destroyed || copy._closed) return;
    const { req, socket } = copy;
    if (socket) copy.detachSocket(socket);
    copy.destroyed = true;
    copy._closed = true;
    copy.emit('close');
    if (req && !req.destroyed) req.destroy();
  }

  /** The client has gone before the end. */
  abort() {
    const { copy } = this;
    const { req, socket } = copy;
    const bridge = req && this.session.bridges.get(req);
    if (bridge instanceof CopiedRequest) bridge.abort();
    if (socket && !socket.destroyed) {
      socket[SOCKET].silent = true;
      socket.destroy();
    }
  }

  /** @param {Error} _error the other stage is gone */
  fail(_error) {
    this.abort();
  }
}

/** @type {PropertyDescriptorMap} methods of every copied response */
const SHADOWS = {};
CALLS.forEach((name, op) => {
  const core = PROTOTYPE[name];
  if (typeof core !== 'function') return;
  /** @this {any} @param {any[]} args @returns {any} */
  const shadow = function (...args) {
    const state = /** @type {CopiedResponse | undefined} */ (this[STATE]);
    if (!state || state.depth > 0) return Reflect.apply(core, this, args);
    return state.record(op, name, core, args);
  };
  Object.defineProperty(shadow, 'name', { value: core.name });
  Object.defineProperty(shadow, 'length', { value: core.length });
  SHADOWS[name] = { value: shadow, writable: true, configurable: true, enumerable: false };
});

/** @param {Session} s @param {any[]} out @param {any} response @param {import('../codec/classes.js').Class} found */
function encodeResponse(s, out, response, found) {
  s.add(response);
  s.http = true;
  const bridge = new RealResponse(s, response);
  s.bridges.set(response, bridge);
  s.exchange = bridge;
  out.push(T.RESPONSE);
  if (found.proto) encoder.encodeProto(s, out, found.proto, response);
  else out.push(null);
  encoder.encode(s, out, response.req);
  /** @type {any[]} */
  const headers = [];
  const stored = OUT_HEADERS && response[OUT_HEADERS];
  if (stored) for (const name in stored) headers.push(stored[name][0], stored[name][1]);
  out.push(headers, response.headersSent, response.writableEnded, bridge.closed);
  for (const name of SETTINGS) out.push(typeof response[name] === 'number' ? String(response[name]) : response[name]);
  const keys = ownKeys(response);
  out.push(keys.length);
  for (const key of keys) {
    encoder.encodeKey(out, key);
    encoder.encode(s, out, response[key]);
  }
}

/** @param {any} copy @param {any[]} headers names and values, as set so far */
function setHeaders(copy, headers) {
  for (let i = 0; i < headers.length; i += 2) PROTOTYPE.setHeader.call(copy, headers[i], headers[i + 1]);
}

/** @param {Session} s @param {Reader} r @returns {any} */
function decodeResponse(s, r) {
  const index = s.theirs.push(null) - 1;
  s.http = true;
  const token = r.next();
  r.at -= 1;
  const proto = token === null ? (r.next(), PROTOTYPE) : decoder.decodeProto(r);
  // The request's own properties lead back to this response, so the object must exist before its request does.
  const copy = /** @type {any} */ (Object.create(PROTOTYPE));
  s.replace(index, copy);
  s.standsFor(copy, index);
  const req = decoder.decode(s, r);
  Reflect.apply(http.ServerResponse, copy, [req]);
  if (proto !== PROTOTYPE) Object.setPrototypeOf(copy, proto);
  setHeaders(copy, r.next());
  const sent = r.next();
  const ended = r.next();
  const closed = r.next();
  for (const name of SETTINGS) {
    const value = r.next();
    if (value !== undefined) copy[name] = name === 'statusCode' ? Number(value) : value;
  }
  let count = r.next();
  while (count-- > 0) {
    const key = decoder.decodeKey(r);
    decoder.setOwn(copy, key, decoder.decode(s, r));
  }
  attach(s, copy, req, sent, ended, closed);
  return copy;
}

/** @param {Session} s @param {any} copy @param {any} req @param {boolean} sent @param {boolean} ended @param {boolean} closed */
function attach(s, copy, req, sent, ended, closed) {
  const socket = req.socket;
  const state = new CopiedResponse(s, copy);
  s.bridges.set(copy, state);
  s.exchange = state;
  const known = socket[SOCKET];
  known.gate = (/** @type {() => void} */ done) => state.gate(done);
  known.inside = () => state.depth > 0;
  state.depth += 1;
  copy.assignSocket(socket);
  if (sent) PROTOTYPE.writeHead.call(copy, copy.statusCode);
  if (ended) PROTOTYPE.end.call(copy);
  state.depth -= 1;
  state.endRecorded = ended;
  state.headed = sent;
  Object.defineProperty(copy, STATE, { value: state, enumerable: false });
  Object.defineProperties(copy, SHADOWS);
  socket.on('drain', () => {
    if (NEED_DRAIN && !copy.finished && copy[NEED_DRAIN]) {
      copy[NEED_DRAIN] = false;
      copy.emit('drain');
    }
  });
  if (closed) setImmediate(() => state.abort());
}

encoder.resources.response = encodeResponse;
decoder.resources[T.RESPONSE] = decodeResponse;

module.exports = { RealResponse, CopiedResponse };
