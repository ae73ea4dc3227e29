// @ts-check
/** The replicas of a stage, how many calls each may have, and the calls that wait for one of them. */
'use strict';

const { context } = require('./context.js');
const { Unsent } = require('./unsent.js');

/** @typedef {import('./call.js').Call} Call */
/** @typedef {import('./dispatch.js').Dispatcher} Dispatcher */
/** @typedef {import('./handlers.js').Handler} Handler */
/** @typedef {import('./peer.js').Message} Message */
/** @typedef {import('./peer.js').Peer} Peer */
/** @typedef {import('./session.js').Session} Session */

/** Calls that a replica may have before it has begun them, if they are short: the next one is there when one is done. */
const CREDITS = Math.max(1, Number(process.env.PIPETRACE_CREDITS) || 4);
/** Of longer ones no more wait there than it takes: what waits fills the young generation that each of them leaves behind. */
const CREDITS_OF_LONG = Math.min(2, CREDITS);
const LONG_US = 1000;

/** @param {Handler} handler @returns {number} calls that a replica may have when it is given one of this handler */
function creditsOf(handler) {
  return (handler.plan.cpu_us || 0) >= LONG_US ? CREDITS_OF_LONG : CREDITS;
}

/** One copy of a stage. */
class Replica {
  /** @param {Pool} pool @param {number} number */
  constructor(pool, number) {
    this.pool = pool;
    this.number = number;
    /** @type {Peer | null} */
    this.peer = null;
    this.ready = false;
    this.listens = -1;
    this.waiting = 0;
    this.outstanding = 0;
    this.restarts = 0;
    /** @type {() => number} share of time that its event loop is busy */
    this.utilization = () => 0;
  }

  /** @param {Call} call */
  finished(call) {
    call.counted = true;
    this.outstanding -= 1;
    if (!call.begun) this.begun(call);
  }

  /** @param {Call} call */
  begun(call) {
    call.begun = true;
    this.waiting -= 1;
    this.pool.advance();
  }
}

/** The replicas of a stage, and the calls that wait for one of them. */
class Pool {
  /** @param {string} stage @param {Dispatcher} dispatcher */
  constructor(stage, dispatcher) {
    this.stage = stage;
    this.dispatcher = dispatcher;
    /** @type {Replica[]} */
    this.replicas = [];
    /** @type {{session: Session, message: Message}[]} */
    this.queue = [];
    /** Processes that have joined so far. */
    this.joined = 0;
    /** The broker is away. */
    this.suspended = false;
    // Where state lives nothing may run in its stead: calls wait until the stage is there.
    this.exclusive = Boolean(context.plan && context.plan.ownsState(stage));
    /** @type {NodeJS.Timeout | null} */
    this.alive = null;
    /** Replicas are threads of this process. */
    this.sharesMemory = true;
  }

  /**
   * @returns {Replica | null} the one with the fewest calls, or null if none is ready; among equals always the same, whose
   * caches and compiled code are warm
   */
  pick() {
    /** @type {Replica | null} */
    let best = null;
    const { replicas } = this;
    if (this.suspended) return null;
    for (let i = 0; i < replicas.length; i += 1) {
      const replica = /** @type {Replica} */ (replicas[i]);
      if (!replica.ready) continue;
      if (!best || replica.waiting < best.waiting
        || (replica.waiting === best.waiting && replica.outstanding < best.outstanding)) best = replica;
    }
    return best;
  }

  /** @returns {Peer} what stands for the replica while a call waits */
  unsent() {
    const known = this.replicas.find((replica) => replica.peer);
    if (known && known.peer) this.sharesMemory = known.peer.sharesMemory;
    return /** @type {any} */ (new Unsent(this.sharesMemory));
  }

  /** @param {Session} session @param {Message} message */
  hold(session, message) {
    this.queue.push({ session, message });
    // Waiting calls keep the process alive, as running them would.
    if (!this.alive) this.alive = setInterval(() => undefined, 1 << 30);
  }

  /** Gives waiting calls to replicas that have become free. */
  advance() {
    while (this.queue.length > 0) {
      const replica = this.pick();
      const { session, message } = /** @type {{session: Session, message: Message}} */ (this.queue[0]);
      const { call } = session;
      if (replica ? call && replica.waiting >= creditsOf(call.handler) : this.exclusive) return;
      this.queue.shift();
      if (!call || call.settled) continue;
      if (!replica || !replica.peer) {
        call.handler.counters.local += 1;
        this.dispatcher.takeBack(session);
        continue;
      }
      const { messages } = /** @type {Unsent} */ (/** @type {unknown} */ (session.peer));
      session.peer = replica.peer;
      this.dispatcher.deliver(replica, session, message);
      for (const later of messages) replica.peer.send(later);
    }
    if (this.alive) {
      clearInterval(this.alive);
      this.alive = null;
    }
  }
}

module.exports = { Pool, Replica, creditsOf };
