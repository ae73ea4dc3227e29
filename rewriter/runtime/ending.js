// @ts-check
/**
 * When the program ends. Links do not keep the entry alive; when nothing of its own does, it asks its stages whether a
 * handler there still has something under way (a timer, a file, a connection), as it would have had here.
 */
'use strict';

const M = require('./messages.js');

/** @typedef {import('./peer.js').Peer} Peer */

const AGAIN_MS = 10;

/** Of the entry: links whose answer is awaited, and how much had been sent when it was asked. @type {Map<Peer, number>} */
const awaited = new Map();
/** Messages of each stage when it last said that it was idle. @type {Map<Peer, number>} */
const idleAt = new Map();

/** @param {() => Peer[]} peers holds the end of the program back while a stage is busy */
function watchEnd(peers) {
  const { emit } = process;
  process.emit = /** @type {any} */ (/** @this {any} @param {any[]} args */ function (...args) {
    if (args[0] === 'beforeExit' && ask(peers())) return false;
    return Reflect.apply(emit, this, args);
  });
}

/** @param {Peer[]} peers @returns {boolean} true if the program must wait for an answer */
function ask(peers) {
  for (const peer of peers) {
    // It has been idle, and nothing has happened between the two since.
    if (awaited.has(peer) || idleAt.get(peer) === peer.sent + peer.received) continue;
    peer.link.ref();
    peer.send([M.ASK_IDLE]);
    peer.flush();
    awaited.set(peer, peer.sent);
  }
  return awaited.size > 0;
}

/** @param {Peer} peer has nothing under way */
function isIdle(peer) {
  const sent = awaited.get(peer);
  if (sent === undefined) return;
  awaited.delete(peer);
  peer.link.unref();
  // What was sent since is not covered by the answer.
  if (sent === peer.sent && peer.out.length === 0) idleAt.set(peer, peer.sent + peer.received);
}

/** @param {Peer} peer is gone */
function forget(peer) {
  idleAt.delete(peer);
  if (awaited.delete(peer)) peer.link.unref();
}

/** Of a stage: what kept its loop alive when it had just started. @type {Map<string, number>} */
let baseline = new Map();

/** @returns {Map<string, number>} */
function resources() {
  const counts = new Map();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) || 0) + 1);
  return counts;
}

/** Remembers what keeps the loop of this stage alive without any call. */
function rememberResources() {
  baseline = resources();
  baseline.delete('Immediate');
}

/** @returns {boolean} also true while calls wait for their turn: each has an immediate of its own */
function hasMore() {
  for (const [kind, count] of resources()) if (count > (baseline.get(kind) || 0)) return true;
  return false;
}

/** @param {() => void} tell called as soon as nothing that a call has begun keeps this stage alive */
function whenIdle(tell) {
  const check = () => {
    if (hasMore()) setTimeout(check, AGAIN_MS).unref();
    else tell();
  };
  // What follows from a message that has just come starts in the next rounds.
  setImmediate(() => setImmediate(check));
}

module.exports = { watchEnd, isIdle, forget, rememberResources, whenIdle };
