// @ts-check
/** The entry's side of calls: picks a replica, sends, waits within bounds, and runs the original here when nobody can. */
'use strict';

const http = require('node:http');
const M = require('./messages.js');
const { Session, isData } = require('./session.js');
const { Call } = require('./call.js');
const { Pool, creditsOf } = require('./pool.js');
const { endsByResponse } = require('./result.js');
const { bindContext } = require('./peer.js');
const { Reader, decode } = require('./codec/decode.js');
const { encodeArgument } = require('./codec/encode.js');
const { applyChanges } = require('./codec/changes.js');
const { CannotTravel, errors, reasonOf } = require('./errors.js');
const metrics = require('./metrics.js');
const twins = require('./twins.js');
const violations = require('./violations.js');

/** @typedef {import('./handlers.js').Handler} Handler */
/** @typedef {import('./peer.js').Peer} Peer */
/** @typedef {import('./pool.js').Replica} Replica */
/** @typedef {import('./peer.js').Message} Message */

const START_TIMEOUT_MS = Number(process.env.PIPETRACE_TIMEOUT_MS) || 60_000;
const MAX_QUEUE = Math.max(1, Number(process.env.PIPETRACE_QUEUE) || 10_000);
/** After so many calls in a row that could not travel, only every so many-th is tried. */
const MISFITS = 20;
const RETRY_EVERY = 256;

/** @param {any[]} args @returns {boolean} true if a handler is given nothing but what it calls when it is done */
function isCalledBack(args) {
  return args.length === 1 && typeof args[0] === 'function';
}

class Dispatcher {
  constructor() {
    /** @type {Map<string, Pool>} */
    this.pools = new Map();
    this.nextSession = 2;
    /** Calls that are sent and not begun, oldest first. @type {Set<Call>} */
    this.unbegun = new Set();
    /** @type {NodeJS.Timeout | null} */
    this.watchdog = null;
    metrics.setReplicas(() => this.describe());
  }

  /** @param {string} stage @returns {Pool} */
  pool(stage) {
    let pool = this.pools.get(stage);
    if (!pool) {
      pool = new Pool(stage, this);
      this.pools.set(stage, pool);
    }
    return pool;
  }

  /** @param {boolean} suspended  nobody can be reached for now */
  suspend(suspended) {
    for (const pool of this.pools.values()) {
      pool.suspended = suspended;
      pool.advance();
    }
  }

  /** @param {Handler} handler @param {Function} original @param {any} self @param {any[]} args @param {any[]} captures @returns {any} */
  call(handler, original, self, args, captures) {
    const { counters } = handler;
    const pool = this.pools.get(handler.plan.stage);
    const replica = pool ? pool.pick() : null;
    const full = !pool || pool.queue.length >= MAX_QUEUE;
    if (!pool || full || ((!replica || !replica.peer) && !pool.exclusive)) {
      if (pool && pool.exclusive && !handler.twin) throw errors.overloaded(pool.stage, handler.id);
      counters.local += 1;
      return Reflect.apply(original, self, args);
    }
    if (!pool.exclusive && handler.misfits >= MISFITS) {
      handler.misfits += 1;
      if (handler.misfits % RETRY_EVERY !== 0) {
        counters.misfit += 1;
        return Reflect.apply(original, self, args);
      }
    }
    const free = replica !== null && replica.waiting < creditsOf(handler);
    const session = new Session(free ? replica.peer : pool.unsent(), this.nextSession, handler.id);
    this.nextSession += 2;
    const message = this.write(handler, session, args, captures);
    if (!message) {
      if (pool.exclusive && !handler.twin) throw errors.cannotTravel(pool.stage, handler.id);
      return Reflect.apply(original, self, args);
    }
    const call = new Call(handler, original, self, args);
    session.call = call;
    if (free) this.deliver(replica, session, message);
    else pool.hold(session, message);
    // Who is called back does not wait for a promise as well, and may object to one.
    return handler.silent && isCalledBack(args) ? undefined : call.result;
  }

  /** @param {Handler} handler @param {Session} session @param {any[]} args @param {any[]} captures @returns {Message | null} */
  write(handler, session, args, captures) {
    /** @type {Message} */
    const message = [M.CALL, session.id, handler.id, captures.length];
    session.bytes = new Map();
    try {
      for (let i = 0; i < captures.length; i += 1) encodeArgument(session, message, captures[i], false);
      const count = args.length;
      message.push(count);
      for (let i = 0; i < count; i += 1) {
        const value = args[i];
        const post = typeof value === 'function' && i === count - 1 && args.some((other) => other instanceof http.IncomingMessage);
        encodeArgument(session, message, value, post);
      }
      if (handler.kernel && !isData(session)) throw new CannotTravel('an argument is no data');
    } catch (error) {
      session.forgetPaths();
      for (const bridge of session.bridges.values()) if (bridge.close) bridge.close();
      handler.counters.misfit += 1;
      if (handler.misfits === 0) violations.note(`${handler.id} runs on the entry stage: ${reasonOf(error)}.`);
      handler.misfits += 1;
      return null;
    }
    session.bytes = null;
    // Whoever waits for a kernel has its own context; nothing of it calls back.
    if (!handler.kernel) bindContext(session);
    return message;
  }

  /** @param {Replica} replica @param {Session} session @param {Message} message */
  deliver(replica, session, message) {
    const peer = /** @type {Peer} */ (replica.peer);
    const call = /** @type {Call} */ (session.call);
    call.replica = replica;
    call.sentAt = performance.now();
    call.handler.counters.sent += 1;
    session.freshPaths = [];
    replica.outstanding += 1;
    replica.waiting += 1;
    peer.keep(session);
    peer.send(message);
    this.watch(call);
  }

  /** @param {Call} call bounds the wait for its start */
  watch(call) {
    this.unbegun.add(call);
    if (this.watchdog) return;
    this.watchdog = setInterval(() => {
      const limit = performance.now() - START_TIMEOUT_MS;
      for (const waiting of this.unbegun) {
        if (waiting.sentAt > limit) break;
        this.unbegun.delete(waiting);
        waiting.fail(errors.timedOut(waiting.handler.plan.stage, waiting.handler.id, START_TIMEOUT_MS));
      }
    }, Math.min(1000, START_TIMEOUT_MS / 2));
    this.watchdog.unref();
  }

  /** @param {Session} session runs a call here that no replica has begun */
  takeBack(session) {
    const call = /** @type {Call} */ (session.call);
    for (const bridge of session.bridges.values()) if (bridge.close) bridge.close();
    session.released = true;
    if (session.resource) session.resource.runInAsyncScope(() => call.runHere());
    else call.runHere();
  }

  /** @param {Peer} peer @param {Session} session @param {Message} message */
  onCallMessage(peer, session, message) {
    const { call } = session;
    if (!call || call.settled) return;
    const replica = /** @type {Replica} */ (call.replica);
    this.unbegun.delete(call);
    switch (message[0]) {
      case M.STARTED:
        if (!call.begun) replica.begun(call);
        return;
      case M.REFUSED:
        call.handler.counters.refused += 1;
        if (call.handler.misfits === 0) violations.note(`${session.handler} runs on the entry stage: ${message[2]}.`);
        call.handler.misfits += 1;
        if (call.handler.twin) twins.refused(call.original);
        peer.paths.clear();
        peer.forget(session);
        replica.finished(call);
        if (replica.pool.exclusive && !call.handler.twin) call.fail(errors.cannotTravel(replica.pool.stage, session.handler));
        else this.takeBack(session);
        return;
      default:
        this.finish(peer, session, call, message);
    }
  }

  /** @param {Peer} peer @param {Session} session @param {Call} call @param {Message} message */
  finish(peer, session, call, message) {
    const r = new Reader(message, 2);
    const over = r.next();
    const status = r.next();
    call.settled = true;
    call.handler.misfits = 0;
    const replica = /** @type {Replica} */ (call.replica);
    metrics.observe(call.handler.counters, (performance.now() - call.sentAt) / 1000);
    let value;
    try {
      applyChanges(session, r);
      value = decode(session, r);
    } catch (error) {
      call.rejected(error);
      replica.finished(call);
      return;
    }
    session.done = true;
    session.call = null;
    if (over) peer.end(session);
    else if (session.http) {
      if (session.exchange && session.exchange.isOver()) peer.release(session);
    } else if (session.references === 0) peer.forget(session);
    else peer.maybeDrop(session);
    replica.finished(call);
    const complete = () => {
      if (status === M.VALUE) this.resolve(session, call, value);
      else if (status === M.THREW) call.threw(value);
      else call.rejected(value);
    };
    if (status === M.THREW && session.resource) session.resource.runInAsyncScope(complete);
    else complete();
  }

  /** @param {Session} session @param {Call} call @param {any} value */
  resolve(session, call, value) {
    const { exchange } = session;
    // The original returned nothing: its caller learns from the response, or from its callback, that it is done, and must
    // not take the end of the promise for it.
    if (value !== undefined || !call.handler.silent || !exchange || !endsByResponse(call.args)) call.resolve(value);
    else if (typeof call.args[call.args.length - 1] !== 'function') exchange.whenEnded(call.resolve);
  }

  /** @returns {Peer[]} links to stages that have been sent a call */
  peers() {
    /** @type {Peer[]} */
    const peers = [];
    for (const { replicas } of this.pools.values()) {
      for (const { peer, ready } of replicas) if (peer && ready && peer.sent > 0) peers.push(peer);
    }
    return peers;
  }

  /** @returns {any[]} */
  describe() {
    return [...this.pools.values()].flatMap((pool) => pool.replicas.map((replica) => ({
      stage: pool.stage, replica: replica.number, ready: replica.ready && !pool.suspended, waiting: replica.waiting, queued: pool.queue.length,
      outstanding: replica.outstanding, restarts: replica.restarts, utilization: replica.utilization(),
      sent: replica.peer ? replica.peer.sent : 0, received: replica.peer ? replica.peer.received : 0,
      accesses: replica.peer ? replica.peer.accesses : 0,
    })));
  }
}

module.exports = { Dispatcher };
