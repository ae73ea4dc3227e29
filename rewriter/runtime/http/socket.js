// @ts-check
/**
 * The connection of a request, as a stage sees it: addresses to read, a sink for what the response would write (the
 * real response is written by the entry stage), and a few operations that are passed on.
 */
'use strict';

const net = require('node:net');
const { Duplex } = require('node:stream');
const T = require('../codec/tags.js');
const M = require('../messages.js');
const encoder = require('../codec/encode.js');
const decoder = require('../codec/decode.js');
const { errors } = require('../errors.js');
const violations = require('../violations.js');

/** @typedef {import('../session.js').Session} Session */

const FIELDS = /** @type {const} */ (['remoteAddress', 'remotePort', 'remoteFamily', 'localAddress', 'localPort', 'localFamily',
  'encrypted', 'authorized', 'servername', 'alpnProtocol']);

/** @type {WeakMap<object, string>} */
const described = new WeakMap();

/** @param {any} socket @returns {string} JSON; asking the system for addresses is slow, so once per connection */
function describe(socket) {
  let text = described.get(socket);
  if (text === undefined) {
    /** @type {Record<string, any>} */
    const facts = {};
    for (const field of FIELDS) if (socket[field] !== undefined) facts[field] = socket[field];
    text = JSON.stringify(facts);
    described.set(socket, text);
  }
  return text;
}

/** Reached from the connection of a request on a stage. */
const STATE = Symbol('pipetrace.socket');

/** @typedef {{session: Session, facts: Record<string, any>, gate: ((done: () => void) => void) | null, inside: () => boolean, silent: boolean}} SocketState */

/** Operation: hand everything that was written to the system. */
const FLUSH = 'pipetrace.flush';

/** @param {any} socket @param {string} name @param {any[]} args passes an operation on to the real connection */
function pass(socket, name, args) {
  const state = /** @type {SocketState} */ (socket[STATE]);
  const { session } = state;
  if (!session.peer || session.ended || state.silent) return;
  /** @type {any[]} */
  const message = [M.BRIDGE, session.id, session.ids.get(socket), name, args.length];
  for (const value of args) encoder.encode(session, message, value);
  session.peer.send(message);
}

/** Behaves as net.Socket for everything that does not need the connection itself. */
class StageSocket extends Duplex {
  /** @param {Session} session @param {Record<string, any>} facts */
  constructor(session, facts) {
    super({ allowHalfOpen: true, emitClose: true, autoDestroy: false });
    /** @type {any} */ (this)._httpMessage = null;
    Object.defineProperty(this, STATE, {
      value: { session, facts, gate: null, inside: () => false, silent: false }, enumerable: false,
    });
  }

  /** @returns {SocketState} */
  get [Symbol.for('pipetrace.socketState')]() {
    return /** @type {any} */ (this)[STATE];
  }

  _read() {
    // The request's body comes another way.
  }

  /** @param {any} _chunk @param {any} _encoding @param {() => void} done */
  _write(_chunk, _encoding, done) {
    const { gate } = /** @type {SocketState} */ (/** @type {any} */ (this)[STATE]);
    if (gate) gate(done);
    else done();
  }

  /** @param {any} _chunks @param {() => void} done */
  _writev(_chunks, done) {
    this._write(null, null, done);
  }

  /** @param {() => void} done */
  _final(done) {
    pass(this, 'end', []);
    done();
  }

  /** @param {Error | null} error @param {(error: Error | null) => void} done */
  _destroy(error, done) {
    // What was written a tick ago has left by now in the original, where both come at once here.
    if (this.writableCorked === 0) pass(this, FLUSH, []);
    pass(this, 'destroy', []);
    done(error);
  }

  /** @param {any[]} args @returns {any} */
  write(...args) {
    const state = /** @type {SocketState} */ (/** @type {any} */ (this)[STATE]);
    if (!state.inside()) throw violations.report(errors.rawSocket('write()', state.session.handler));
    return Reflect.apply(super.write, this, args);
  }

  /** @param {number} ms @param {() => void} [callback] */
  setTimeout(ms, callback) {
    /** @type {any} */ (this).timeout = ms;
    pass(this, 'setTimeout', [ms]);
    if (typeof callback === 'function') this.once('timeout', callback);
    return this;
  }

  /** @param {any[]} args */
  setKeepAlive(...args) {
    pass(this, 'setKeepAlive', args);
    return this;
  }

  /** @param {any[]} args */
  setNoDelay(...args) {
    pass(this, 'setNoDelay', args);
    return this;
  }

  ref() {
    return this;
  }

  unref() {
    return this;
  }

  address() {
    const { facts } = /** @type {SocketState} */ (/** @type {any} */ (this)[STATE]);
    return { address: facts.localAddress, port: facts.localPort, family: facts.localFamily || facts.remoteFamily };
  }

  get connecting() {
    return false;
  }

  get readyState() {
    return this.destroyed ? 'closed' : 'open';
  }
}
for (const field of FIELDS) {
  Object.defineProperty(StageSocket.prototype, field, {
    /** @this {any} */
    get() {
      return this[STATE].facts[field];
    },
    configurable: true,
  });
}
for (const name of ['getPeerCertificate', 'getCipher', 'getProtocol', 'getSession', 'getTLSTicket', 'upgrade', 'pipe']) {
  Object.defineProperty(StageSocket.prototype, name, {
    /** @this {any} */
    value() {
      throw violations.report(errors.rawSocket(`${name}()`, this[STATE].session.handler));
    },
    configurable: true,
    writable: true,
  });
}
// `socket instanceof net.Socket` holds, and methods that only net.Socket has are found.
Object.setPrototypeOf(StageSocket.prototype, net.Socket.prototype);

/** @param {Session} s @param {any[]} out @param {any} socket the connection of a request */
function encodeSocket(s, out, socket) {
  const id = s.ids.get(socket);
  if (id !== undefined) {
    out.push(id >= 0 ? T.MINE : T.YOURS, id >= 0 ? id : -1 - id);
    return;
  }
  s.add(socket);
  s.bridges.set(socket, {
    /** @param {import('../codec/decode.js').Reader} r */
    message(r) {
      const name = r.next();
      const args = [];
      let count = r.next();
      while (count-- > 0) args.push(decoder.decode(s, r));
      if (name === FLUSH) while (socket.writableCorked > 0) socket.uncork();
      else socket[name](...args);
    },
    ownKeys: () => [],
  });
  out.push(T.SOCKET, describe(socket));
}

/** @param {Session} s @param {import('../codec/decode.js').Reader} r @returns {any} */
function decodeSocket(s, r) {
  const index = s.theirs.length;
  const socket = new StageSocket(s, JSON.parse(r.next()));
  s.receive(socket);
  s.standsFor(socket, index);
  s.bridges.set(socket, { ownKeys: () => [], message() {} });
  return socket;
}

decoder.resources[T.SOCKET] = decodeSocket;

module.exports = { StageSocket, STATE, encodeSocket };
