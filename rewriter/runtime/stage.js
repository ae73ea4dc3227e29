// @ts-check
/** A stage's side of calls: runs moved handlers, one macrotask each, and tells what became of them. */
'use strict';

const M = require('./messages.js');
const { activity, context } = require('./context.js');
const { Session, isData } = require('./session.js');
const { Reader, decode } = require('./codec/decode.js');
const { encode, encodeArgument } = require('./codec/encode.js');
const { applyChanges, encodeChanges, rememberNew } = require('./codec/changes.js');
const { writeWhole } = require('./codec/whole.js');
const { CannotTravel } = require('./errors.js');
const twins = require('./twins.js');
const { handlers } = require('./handlers.js');

/** @typedef {import('./peer.js').Peer} Peer */
/** @typedef {import('./peer.js').Message} Message */
/** @typedef {import('./handlers.js').Handler} Handler */

/** Calls that wait for a macrotask of their own. @type {[Peer, Message][]} */
const queue = [];
let running = false;

function runNext() {
  const next = queue.shift();
  if (next) runCall(next[0], next[1]);
  if (queue.length > 0) setImmediate(runNext);
  else running = false;
}

/** @param {Peer} peer @param {Message} message */
function onCall(peer, message) {
  peer.early.set(message[1], []);
  queue.push([peer, message]);
  if (running) return;
  running = true;
  // The rest of the batch, and what came before, is read first.
  setImmediate(runNext);
}

/** @param {Peer} peer @param {Message} message */
function runCall(peer, message) {
  const r = new Reader(message, 1);
  const session = new Session(peer, r.next(), r.next());
  /** @type {Function} */ let fn;
  /** @type {any[]} */ const args = [];
  try {
    const captures = [];
    let count = r.next();
    while (count-- > 0) captures.push(decode(session, r));
    fn = functionOf(session.handler, captures);
    count = r.next();
    while (count-- > 0) args.push(decode(session, r));
    rememberNew(session);
  } catch (error) {
    peer.send([M.REFUSED, session.id, error instanceof Error ? error.message : String(error)]);
    session.released = true;
    peer.early.delete(session.id);
    return;
  }
  peer.keep(session);
  activity.run(session, () => run(peer, session, fn, args));
  peer.begun(session.id);
}

/** @param {string} id @param {any[]} captures @returns {Function} */
function functionOf(id, captures) {
  const handler = handlers.get(id);
  if (handler?.twin) {
    const twin = twins.find(id, /** @type {import('./twins.js').Name} */ (captures));
    if (!twin) throw new CannotTravel('what the function captured at start is not the same on its stage');
    return twin;
  }
  const fn = handler && (captures.length > 0 || !handler.fn ? handler.factory && handler.factory(...captures) : handler.fn);
  if (typeof fn !== 'function') throw new CannotTravel('this stage has not defined it');
  return fn;
}

/** @param {Peer} peer @param {Session} session @param {Function} fn @param {any[]} args */
function run(peer, session, fn, args) {
  let value;
  try {
    value = Reflect.apply(fn, undefined, args);
  } catch (error) {
    reply(peer, session, M.THREW, error);
    return;
  }
  if (value === null || typeof value !== 'object' || typeof value.then !== 'function') {
    reply(peer, session, M.VALUE, value);
    return;
  }
  peer.send([M.STARTED, session.id]);
  value.then(
    (/** @type {any} */ result) => reply(peer, session, M.VALUE, result),
    (/** @type {any} */ error) => reply(peer, session, M.REJECTED, error));
}

/** @param {Session} session @returns {boolean} */
function isKernel(session) {
  const handler = handlers.get(session.handler);
  return handler !== undefined && handler.kernel;
}

/** @param {Peer} peer @param {Session} session @param {number} status @param {any} value */
function reply(peer, session, status, value) {
  const { exchange } = session;
  if (exchange) exchange.sync();
  // A response that has been ended, and of which nobody wants to know more, ends the session on both sides at once.
  const over = exchange !== null && exchange.endRecorded && !exchange.watching;
  session.bytes = new Map();
  const message = writeWhole(session, 'The result', [M.RESULT, session.id, over], (out) => {
    out.push(status);
    encodeChanges(session, out);
    encode(session, out, value);
  }, [M.REJECTED, 0]);
  if (status === M.VALUE && isKernel(session) && (message[3] !== M.VALUE || !isData(session))) {
    // A kernel changes nothing but its arguments, so it can run once more where it was called.
    peer.send([M.REFUSED, session.id, 'its result is no data']);
    session.released = true;
    peer.forget(session);
    return;
  }
  session.done = true;
  peer.send(message);
  if (over) peer.end(session);
  else if (!session.http && session.references === 0) peer.forget(session);
  else peer.maybeDrop(session);
}

/**
 * Calls a handler of another stage, by way of the entry.
 * @param {Handler} handler @param {Function} original @param {any} self @param {any[]} args @param {any[]} captures
 * @returns {any}
 */
function callElsewhere(handler, original, self, args, captures) {
  const peer = /** @type {Peer} */ (context.upstream);
  const current = activity.getStore();
  if (!current || current === 'init' || !peer) return Reflect.apply(original, self, args);
  const session = peer.openSession(handler.id);
  /** @type {Message} */
  const message = [M.CALL, session.id, handler.id, captures.length];
  for (const value of captures) encodeArgument(session, message, value, false);
  message.push(args.length);
  for (const value of args) encodeArgument(session, message, value, false);
  return new Promise((resolve, reject) => {
    session.call = /** @type {any} */ ({ resolve, reject, fail: reject, settled: false });
    peer.keep(session);
    peer.send(message);
  });
}

/** @param {Peer} peer @param {Session} session @param {Message} message the result of a call that this stage made */
function onCallMessage(peer, session, message) {
  const call = /** @type {any} */ (session.call);
  if (!call || message[0] === M.STARTED) return;
  if (message[0] === M.REFUSED) {
    call.reject(new CannotTravel(message[2]));
    return;
  }
  const r = new Reader(message, 3);
  const status = r.next();
  applyChanges(session, r);
  const value = decode(session, r);
  session.done = true;
  session.call = null;
  if (session.references === 0) peer.forget(session);
  else peer.maybeDrop(session);
  if (status === M.VALUE) call.resolve(value);
  else call.reject(value);
}

module.exports = { onCall, onCallMessage, runCall, callElsewhere };
