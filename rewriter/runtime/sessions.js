// @ts-check
/**
 * The sessions with another stage, and how long each lives: as long as its call, as the functions, promises and streams
 * that it brought, or as the HTTP exchange that it concerns.
 */
'use strict';

const M = require('./messages.js');

/** @typedef {import('./session.js').Session} Session */

/** How many ended sessions are kept for a call that comes late. */
const LINGER = 16;

/**
 * Hears of loose sessions that nobody can use any more. What it is told must not lead to the session, which would live on.
 * @type {FinalizationRegistry<{peer: WeakRef<SessionTable>, id: number}>}
 */
const unused = new FinalizationRegistry(({ peer, id }) => peer.deref()?.collected(id));

class SessionTable {
  constructor() {
    /** @type {Map<number, Session>} */
    this.sessions = new Map();
    /** Sessions that live as long as the functions that they brought. @type {Map<number, WeakRef<Session>>} */
    this.looseSessions = new Map();
    /** @type {Session[]} */
    this.lingering = [];
    this.closed = false;
  }

  /** @param {any[]} message */
  send(message) {
    throw new Error(`nobody to send ${message[0]} to`);
  }

  /** @returns {Session[]} */
  all() {
    const loose = [...this.looseSessions.values()].map((weak) => weak.deref());
    return [...this.sessions.values(), ...loose.filter((s) => s !== undefined)];
  }

  /** @param {number} id @returns {Session | undefined} */
  find(id) {
    return this.sessions.get(id) || this.looseSessions.get(id)?.deref();
  }

  /** @param {Session} s  is kept by the functions that it brought, which are all of it that this side can still use */
  loosen(s) {
    if (s.loose || s.peerHolds || this.closed) return;
    s.loose = true;
    this.sessions.delete(s.id);
    this.looseSessions.set(s.id, new WeakRef(s));
    unused.register(s, { peer: new WeakRef(this), id: s.id }, s);
  }

  /** @param {Session} s  is kept whatever becomes of its functions */
  tighten(s) {
    if (!s.loose) return;
    this.untie(s);
    this.sessions.set(s.id, s);
  }

  /** @param {Session} s */
  untie(s) {
    s.loose = false;
    this.looseSessions.delete(s.id);
    unused.unregister(s);
  }

  /** @param {number} id of a session whose functions nobody here has any more */
  collected(id) {
    if (this.looseSessions.delete(id)) this.send([M.DROP, id]);
  }

  /** @param {Session} s a message to the other side whose call may outlive its result */
  keep(s) {
    this.sessions.set(s.id, s);
  }

  /** @param {Session} s tells the other side, if this one uses nothing of the session any more */
  maybeDrop(s) {
    if (s.released || s.http || !s.done || s.holds > 0 || s.dropped) return;
    if (s.functions > 0) {
      this.loosen(s);
      return;
    }
    s.dropped = true;
    this.send([M.DROP, s.id]);
    this.maybeForget(s);
  }

  /** @param {Session} s */
  maybeForget(s) {
    if (s.dropped && !s.peerHolds) this.forget(s);
  }

  /** @param {Session} s ends the session on both sides */
  release(s) {
    if (s.ended || this.closed) return;
    this.send([M.RELEASE, s.id]);
    this.end(s);
  }

  /** @param {Session} s ends the session on this side; both sides keep the last few for calls that come late */
  end(s) {
    if (s.ended) return;
    s.ended = true;
    this.lingering.push(s);
    if (this.lingering.length > LINGER) this.forget(/** @type {Session} */ (this.lingering.shift()));
  }

  /** @param {Session} s */
  forget(s) {
    s.released = true;
    this.sessions.delete(s.id);
    if (s.loose) this.untie(s);
    for (const bridge of s.bridges.values()) if (bridge.close) bridge.close();
  }
}

module.exports = { SessionTable };
