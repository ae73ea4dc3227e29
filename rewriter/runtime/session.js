// @ts-check
/**
 * One call between two stages, and the table of the objects that its messages mention. Each side numbers the objects
 * that it introduces in the order in which it writes them, so that the other side, reading in the same order, agrees.
 */
'use strict';

const { remotes } = require('./codec/encode.js');

/** @type {ReadonlySet<string>} */
const NO_PATHS = new Set();

class Session {
  /**
   * @param {import('./peer.js').Peer | null} peer null: values at rest, which cannot refer back
   * @param {number} id @param {string} handler
   */
  constructor(peer, id, handler) {
    this.peer = peer;
    this.id = id;
    this.handler = handler;
    /** @type {any[]} objects that this side introduced */
    this.mine = [];
    /** @type {any[]} copies of, and references to, what the other side introduced */
    this.theirs = [];
    /** @type {Map<any, number>} mine: position; theirs: -1 - position */
    this.ids = new Map();
    /** Functions, promises and streams in either direction: the session must outlive the call. */
    this.references = 0;
    /** Objects that did not travel. */
    this.opaques = 0;
    /** This side waits for something of the other. */
    this.holds = 0;
    /** Functions of the other side that this one may call as long as anybody here has them. */
    this.functions = 0;
    /** Only those functions keep the session. */
    this.loose = false;
    this.peerHolds = false;
    /** The call has its result. */
    this.done = false;
    this.dropped = false;
    this.ended = false;
    this.released = false;
    /** Asynchronous context of the caller. @type {import('node:async_hooks').AsyncResource | null} */
    this.resource = null;
    /** The call concerns an HTTP exchange, with whose end it ends. */
    this.http = false;
    /** @type {Map<any, any> | null} what copies looked like when both sides last agreed */
    this.bases = null;
    /** What is read changes objects of this side, and stays in them. */
    this.changing = false;
    this.basedMine = 0;
    this.basedTheirs = 0;
    /** Of the caller. @type {import('./call.js').Call | null} */
    this.call = null;
    /** The bridge of the call's response. @type {any} */
    this.exchange = null;
    /** Bridges by the object that they bridge. @type {Map<any, any>} */
    this.bridges = new Map();
    /** @type {string[]} paths first mentioned by the message being written */
    this.freshPaths = [];
    /** Bytes that the message being written carries; null where it does not matter. @type {Map<ArrayBufferLike, import('./codec/parts.js').Claim[]> | null} */
    this.bytes = null;
  }

  /** @returns {ReadonlySet<string>} paths that the other side is known to have */
  get paths() {
    return this.peer ? this.peer.paths : NO_PATHS;
  }

  /** @param {string} path */
  notePath(path) {
    if (!this.peer) return;
    this.peer.paths.add(path);
    this.freshPaths.push(path);
  }

  /** Takes back what a message that is not sent would have told. */
  forgetPaths() {
    if (this.peer) for (const path of this.freshPaths) this.peer.paths.delete(path);
    this.freshPaths = [];
  }

  /** @param {any} object */
  add(object) {
    this.ids.set(object, this.mine.length);
    this.mine.push(object);
  }

  /** @param {number} count */
  forget(count) {
    while (this.mine.length > count) this.ids.delete(this.mine.pop());
  }

  /**
   * @template V
   * @param {V} object @param {boolean} [hold] reserve a position for an object that is not made yet
   * @returns {V extends null ? number : V}
   */
  receive(object, hold) {
    const position = this.theirs.push(object) - 1;
    if (hold) return /** @type {any} */ (position);
    this.ids.set(object, -1 - position);
    return /** @type {any} */ (object);
  }

  /** @param {number} position @param {any} object */
  replace(position, object) {
    this.theirs[position] = object;
    this.ids.set(object, -1 - position);
  }

  /** @param {any} object @param {number} position remembers that object stands for one of the other side */
  standsFor(object, position) {
    remotes.set(object, { session: this, index: position });
  }
}

/** @param {Session} session @returns {boolean} true if all that this side wrote can do without it from now on */
function isData(session) {
  return session.references === 0 && session.opaques === 0 && !session.http && session.bridges.size === 0;
}

module.exports = { Session, isData };
