// @ts-check
/**
 * The other end of a link: the sessions with it, the messages waiting to go, and what arrives. Messages of one tick
 * leave together. The same class serves both ends; what differs is in the delegate.
 */
'use strict';

const { AsyncResource } = require('node:async_hooks');
const M = require('./messages.js');
const { Session } = require('./session.js');
const { SessionTable } = require('./sessions.js');
const { Reader, decode } = require('./codec/decode.js');
const { encode, encodeReference } = require('./codec/encode.js');
const { applyChanges, encodeChanges, rememberNew } = require('./codec/changes.js');
const { writeWhole } = require('./codec/whole.js');
const { errors } = require('./errors.js');
const { RemoteResult, patient } = require('./references.js');
const violations = require('./violations.js');
const { activity, context } = require('./context.js');

/** @typedef {any[]} Message */
/**
 * One end of a connection between two stages.
 * @typedef {object} Link
 * @property {(batch: Message[]) => void} post
 * @property {((timeoutMs: number) => Message[] | null) | null} receiveSync waits for a batch; null where one cannot wait
 * @property {boolean} sharesMemory
 * @property {() => void} ref  keeps the process alive
 * @property {() => void} unref
 * @property {() => void} close
 * @property {() => void} [drain]  waits until everything has left this process
 */
/**
 * @typedef {object} Delegate
 * @property {(peer: Peer, message: Message) => void} onCall
 * @property {(peer: Peer, session: Session, message: Message) => void} onCallMessage  RESULT, STARTED, REFUSED
 * @property {(peer: Peer, message: Message) => void} onControl
 */

const SYNC_TIMEOUT_MS = Number(process.env.PIPETRACE_TIMEOUT_MS) || 60_000;
/** What a stage that waits for a reply handles at once; the rest would run code that must not run now. */
const AT_ONCE = new Set([M.FUNCTION_CALL, M.FUNCTION_REPLY, M.SETTLE, M.RESULT, M.STARTED, M.REFUSED, M.INITIAL_VALUE]);

/**
 * Whether the entry handles a message while it waits for what a function returns: the reply, and what that function asks
 * for. Everything else runs in a turn of its own.
 * @param {Session} s @param {Message} message @returns {boolean}
 */
function isPartOf(s, message) {
  return message[1] === s.id && (message[0] === M.FUNCTION_REPLY || (message[0] === M.FUNCTION_CALL && message[3] !== 0));
}

/**
 * Does to an object what its stand-in on the other side was asked for.
 * @param {string} operation @param {any} object @param {any[]} args @returns {any}
 */
function reflect(operation, object, ...args) {
  switch (operation) {
    case 'get': return Reflect.get(object, args[0]);
    case 'set': return Reflect.set(object, args[0], args[1]);
    case 'has': return Reflect.has(object, args[0]);
    case 'deleteProperty': return Reflect.deleteProperty(object, args[0]);
    case 'ownKeys': return Reflect.ownKeys(object);
    case 'getPrototypeOf': return Reflect.getPrototypeOf(object);
    case 'getOwnPropertyDescriptor': {
      const own = Reflect.getOwnPropertyDescriptor(object, args[0]);
      return own && { value: Reflect.get(object, args[0]), enumerable: own.enumerable === true };
    }
    default: throw new TypeError(`${operation} of an object of another stage`);
  }
}

class Peer extends SessionTable {
  /** @param {string} stage @param {Link} link @param {Delegate} delegate @param {0 | 1} parity of the sessions that this end begins */
  constructor(stage, link, delegate, parity) {
    super();
    this.stage = stage;
    this.link = link;
    this.delegate = delegate;
    this.nextSession = parity + 2;
    this.sharesMemory = link.sharesMemory;
    this.canWait = link.receiveSync !== null;
    /** @type {Set<string>} */
    this.paths = new Set();
    /** @type {Message[]} */
    this.out = [];
    this.scheduled = false;
    /** @type {Message[]} */
    this.deferred = [];
    /** Messages of calls that have come and not begun. @type {Map<number, Message[]>} */
    this.early = new Map();
    this.nextReply = 1;
    /** @type {Map<number, {resolve(value: any): void, reject(error: any): void}>} */
    this.replies = new Map();
    this.sent = 0;
    /** Uses of objects of this stage by the other. */
    this.accesses = 0;
    this.received = 0;
    this.flushNow = () => {
      this.scheduled = false;
      this.flush();
    };
    this.drain = () => this.runDeferred();
  }

  /** @param {Message} message joins the messages of this tick */
  send(message) {
    if (this.closed) return;
    this.out.push(message);
    if (!this.scheduled) {
      this.scheduled = true;
      setImmediate(this.flushNow);
    }
  }

  flush() {
    if (this.out.length === 0 || this.closed) return;
    const { out } = this;
    this.out = [];
    this.sent += out.length;
    this.link.post(out);
  }

  /** @param {string} handler @returns {Session} */
  openSession(handler) {
    const session = new Session(this, this.nextSession, handler);
    this.nextSession += 2;
    return session;
  }

  /** @param {Message[]} batch */
  receive(batch) {
    this.received += batch.length;
    if (this.deferred.length > 0) {
      this.deferred.push(...batch);
      return;
    }
    for (let i = 0; i < batch.length; i += 1) {
      // Code of the application runs in a macrotask of its own, as it did in the original.
      if (this.handle(/** @type {Message} */ (batch[i])) && i + 1 < batch.length) {
        this.defer(batch.slice(i + 1));
        return;
      }
    }
  }

  /** @param {Message[]} messages */
  defer(messages) {
    if (messages.length === 0) return;
    if (this.deferred.length === 0) setImmediate(this.drain);
    this.deferred.push(...messages);
  }

  runDeferred() {
    while (this.deferred.length > 0) {
      const ran = this.handle(/** @type {Message} */ (this.deferred.shift()));
      if (ran && this.deferred.length > 0) {
        setImmediate(this.drain);
        return;
      }
    }
  }

  /** @param {Message} message @returns {boolean} true if code of the application has run */
  handle(message) {
    if (this.early.size > 0 && this.isEarly(message)) return false;
    switch (message[0]) {
      case M.CALL: this.delegate.onCall(this, message); return false;
      case M.RESULT: case M.STARTED: case M.REFUSED: {
        const session = this.find(message[1]);
        if (session) this.delegate.onCallMessage(this, session, message);
        return false;
      }
      case M.FUNCTION_CALL: this.runFunction(message); return true;
      case M.FUNCTION_REPLY: this.readReply(message); return false;
      case M.SETTLE: this.readSettled(message); return false;
      case M.BRIDGE: return this.readBridge(message);
      case M.RELEASE: {
        const session = this.find(message[1]);
        if (session) this.end(session);
        return false;
      }
      case M.DROP: {
        const session = this.find(message[1]);
        if (session) {
          session.peerHolds = false;
          this.maybeForget(session);
          this.maybeDrop(session);
        }
        return false;
      }
      default: this.delegate.onControl(this, message); return false;
    }
  }

  /** @param {Message} message @returns {boolean} true if it concerns a call that has not begun, and is kept for it */
  isEarly(message) {
    const kind = message[0];
    // The call has begun and is at work, and whoever waits for this function may be what it waits for itself.
    if (kind === M.FUNCTION_CALL && message[3] !== 0 && this.find(message[1])) return false;
    if (kind !== M.BRIDGE && kind !== M.SETTLE && kind !== M.RELEASE && kind !== M.DROP && kind !== M.FUNCTION_CALL) return false;
    const kept = this.early.get(message[1]);
    if (!kept) return false;
    kept.push(message);
    return true;
  }

  /** @param {number} id of a call that has begun */
  begun(id) {
    const kept = this.early.get(id);
    this.early.delete(id);
    if (kept && kept.length > 0) this.defer(kept);
  }

  // Functions of the other side

  /** @param {(value: any) => void} resolve @param {(error: any) => void} reject @returns {number} */
  expectReply(resolve, reject) {
    const number = this.nextReply++;
    this.replies.set(number, { resolve, reject });
    return number;
  }

  /** @param {Session} s @param {number} index @param {any} self @param {any[]} args @param {number} reply 0: none */
  callFunction(s, index, self, args, reply) {
    if (this.closed) throw errors.stageDied(this.stage, s.handler);
    // Whoever is called may answer the request: what was set on the response before comes first.
    if (s.exchange && 'sync' in s.exchange) s.exchange.sync();
    /** @type {Message} */
    const message = [M.FUNCTION_CALL, s.id, index, reply];
    const added = s.mine.length;
    this.tighten(s);
    try {
      encodeChanges(s, message);
      encode(s, message, self === globalThis ? undefined : self);
      message.push(args.length);
      for (const value of args) encode(s, message, value);
    } catch (error) {
      s.forget(added);
      s.forgetPaths();
      this.maybeDrop(s);
      throw violations.report(errors.cannotReturn('An argument that a function got', s.handler, error));
    }
    s.freshPaths = [];
    this.send(message);
    if (reply) s.holds += 1;
    else this.maybeDrop(s);
  }

  /**
   * Calls a function of the other side and waits for what it returns, as its caller expects.
   * @param {Session} s @param {number} index @param {any} self @param {any[]} args @param {string} name @returns {any}
   */
  callFunctionSync(s, index, self, args, name) {
    let done = false;
    let good = false;
    /** @type {any} */ let result;
    const number = this.nextReply++;
    this.replies.set(number, {
      resolve(value) { done = true; good = true; result = value; },
      reject(error) { done = true; result = error; },
    });
    this.callFunction(s, index, self, args, number);
    this.flush();
    const deadline = Date.now() + SYNC_TIMEOUT_MS;
    const receiveSync = /** @type {(ms: number) => Message[] | null} */ (this.link.receiveSync);
    while (!done) {
      const batch = receiveSync(Math.max(0, deadline - Date.now()));
      if (batch === null) {
        this.replies.delete(number);
        throw errors.noAnswer(name || 'a function', SYNC_TIMEOUT_MS);
      }
      this.received += batch.length;
      for (let i = 0; i < batch.length; i += 1) {
        const message = /** @type {Message} */ (batch[i]);
        if (context.role === 'stage' ? AT_ONCE.has(message[0]) : isPartOf(s, message)) this.handle(message);
        else this.defer([message]);
      }
    }
    if (good) return result;
    throw result;
  }

  /** @param {Message} message */
  runFunction(message) {
    const r = new Reader(message, 1);
    const id = r.next();
    const index = r.next();
    const reply = r.next();
    const s = this.find(id);
    if (!s) {
      if (reply) this.replyPlainly(id, reply, errors.chainEnded('', ''));
      else violations.report(errors.chainEnded('', ''));
      return;
    }
    /** @type {any} */ let self;
    /** @type {any[]} */ const args = [];
    try {
      applyChanges(s, r);
      self = decode(s, r);
      let count = r.next();
      while (count-- > 0) args.push(decode(s, r));
    } catch (error) {
      // The call cannot be made; whoever waits for it is told, and the program goes on.
      if (reply) this.replyPlainly(id, reply, /** @type {Error} */ (error));
      else if (s.call) s.call.give(error);
      else violations.note(`a call from ${this.stage} was dropped: ${error instanceof Error ? error.message : String(error)}.`);
      return;
    }
    const fn = index === M.REFLECT ? reflect : s.mine[index];
    if (index === M.REFLECT) this.accesses += 1;
    if (reply) rememberNew(s);
    const run = () => this.answerFunction(s, fn, self, args, reply);
    within(s, run);
    // The other side may be waiting with its whole thread.
    if (reply) this.flush();
  }

  /** @param {Session} s @param {any} fn @param {any} self @param {any[]} args @param {number} reply */
  answerFunction(s, fn, self, args, reply) {
    /** @type {number} */ let status = M.VALUE;
    /** @type {any} */ let value;
    try {
      value = Reflect.apply((reply && patient.get(fn)) || fn, self, args);
    } catch (error) {
      if (!reply) {
        process.nextTick(() => { throw error; });
        return;
      }
      status = M.THREW;
      value = error;
    }
    if (!reply) return;
    if (status === M.VALUE && value instanceof RemoteResult) {
      // A function of a third stage: who asked wants what it returns, not a promise of it.
      value.catch(() => undefined);
      value.whenReturned((good, returned) => {
        this.sendReply(s, reply, good ? M.VALUE : M.THREW, returned);
        this.flush();
      });
      return;
    }
    this.sendReply(s, reply, status, value);
  }

  /** @param {Session} s @param {number} reply @param {number} status @param {any} value */
  sendReply(s, reply, status, value) {
    this.send(writeWhole(s, 'What a function returned', [M.FUNCTION_REPLY, s.id, reply], (out) => {
      encodeChanges(s, out);
      out.push(status);
      // What an object of this stage has for a method runs on this stage.
      if (typeof value === 'function') encodeReference(s, out, value, false);
      else encode(s, out, value);
    }, [0, M.THREW]));
  }

  /** @param {number} id @param {number} reply @param {Error} error for a session that is no more */
  replyPlainly(id, reply, error) {
    const s = new Session(this, id, '');
    this.sendReply(s, reply, M.THREW, error);
    this.flush();
  }

  /** @param {Message} message */
  readReply(message) {
    const r = new Reader(message, 1);
    const id = r.next();
    const number = r.next();
    const waiting = this.replies.get(number);
    this.replies.delete(number);
    const s = this.find(id) || new Session(this, id, '');
    applyChanges(s, r);
    const status = r.next();
    const value = decode(s, r);
    s.holds -= 1;
    this.maybeDrop(s);
    if (!waiting) return;
    if (status === M.VALUE) waiting.resolve(value);
    else waiting.reject(value);
  }

  // Promises and bridges

  /** @param {Session} s @param {object} object @param {boolean} good @param {any} value */
  settle(s, object, good, value) {
    this.send(writeWhole(s, 'The value of a promise', [M.SETTLE, s.id, s.ids.get(object)], (out) => {
      encodeChanges(s, out);
      out.push(good);
      encode(s, out, value);
    }, [0, false]));
    this.maybeDrop(s);
  }

  /** @param {Message} message */
  readSettled(message) {
    const r = new Reader(message, 1);
    const s = this.find(r.next());
    if (!s) return;
    const bridge = s.bridges.get(theirObject(s, r.next()));
    applyChanges(s, r);
    const good = r.next();
    const value = decode(s, r);
    if (bridge) bridge.settle(good, value);
    this.maybeDrop(s);
  }

  /** @param {Message} message @returns {boolean} */
  readBridge(message) {
    const s = this.find(message[1]);
    if (!s) return false;
    const bridge = s.bridges.get(theirObject(s, message[2]));
    if (!bridge) return false;
    const r = new Reader(message, 3);
    within(s, () => bridge.message(r, message.length));
    return false;
  }

  /** @param {(session: Session) => Error} reason  the other side is gone */
  fail(reason) {
    if (this.closed) return;
    this.closed = true;
    this.out = [];
    for (const s of this.all()) {
      const error = reason(s);
      this.forget(s);
      for (const bridge of s.bridges.values()) if (bridge.fail) bridge.fail(error);
      if (s.call) s.call.fail(error);
    }
    const waiting = [...this.replies.values()];
    this.replies.clear();
    for (const { reject } of waiting) reject(errors.stageDied(this.stage, 'a function'));
  }

  /** @param {any} line */
  sendViolation(line) {
    this.send([M.VIOLATION, JSON.stringify(line)]);
  }
}

/** @param {Session} s @param {number} id as the sender numbers it @returns {any} */
function theirObject(s, id) {
  return id >= 0 ? s.theirs[id] : s.mine[-1 - id];
}

/**
 * @param {Session | undefined} s @param {() => void} run runs in the context of the call: that of its caller, or on a stage
 * its own
 */
function within(s, run) {
  if (s?.resource) s.resource.runInAsyncScope(run);
  else if (s && context.role === 'stage') activity.run(s, run);
  else run();
}

/** @param {Session} s remembers in which asynchronous context the call was made */
function bindContext(s) {
  s.resource = new AsyncResource('PIPETRACE', { requireManualDestroy: true });
}

module.exports = { Peer, bindContext, within };
