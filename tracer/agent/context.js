// @ts-check
'use strict';

/**
 * How the link of the running invocation travels into whatever it starts: where AsyncLocalStorage keeps the values of a
 * storage, which differs between versions of Node, and by a shorter way than through the storage.
 *
 * Versions that keep contexts in resources: in the resource that runs. Versions in which the engine carries a context
 * frame, a map of all storages: the link stands for such a frame itself, because a new map for each invocation costs more
 * than all the rest. Where neither is to be had, the storage is asked.
 */

const { AsyncLocalStorage, AsyncResource, executionAsyncId, executionAsyncResource } = require('async_hooks');
const { internals } = require('./internals.js');

/**
 * What travels through asynchronous calls: an invocation and its chain. It has what Node asks of a context frame: it is
 * one with a further storage, whose value is the link itself.
 */
class Link {
  /** @param {number} id @param {import('./causality.js').Chain} chain */
  constructor(id, chain) {
    this.id = id;
    this.chain = chain;
    /** Frame with the storages of everybody else. @type {any} */
    this.rest = undefined;
  }

  /** @param {unknown} store */
  has(store) {
    return store === storage || (this.rest !== undefined && this.rest.has(store));
  }

  /** @param {unknown} store @returns {unknown} */
  get(store) {
    return store === storage ? this : this.rest?.get(store);
  }

  /** @param {unknown} store @param {unknown} value */
  set(store, value) {
    this.rest = new Map(this.rest).set(store, value);
  }

  /** @param {unknown} store */
  delete(store) {
    if (this.rest === undefined || !this.rest.has(store)) return;
    this.rest = new Map(this.rest);
    this.rest.delete(store);
  }

  /** @param {unknown} store */
  disable(store) {
    this.delete(store);
  }

  *[Symbol.iterator]() {
    if (this.rest !== undefined) yield* this.rest;
    yield [storage, this];
  }
}

/** @type {AsyncLocalStorage<Link | undefined>} */
const storage = new AsyncLocalStorage();
/** Under which resources keep ours, where they do. @type {symbol | undefined} */
let slot;
/** Node's context frames, where the engine carries them. @type {{current: () => any, set: (frame: any) => void} | null | undefined} */
let carried;

/** Node's context frames if they work as known, else null. */
function findFrames() {
  const found = frames();
  if (found === null) return null;
  const before = found.current();
  const probe = new Link(0, /** @type {any} */ (null));
  try {
    probe.rest = without(before);
    found.set(probe);
    const other = new AsyncLocalStorage();
    const seen = storage.getStore() === probe && other.run(1, () => other.getStore() === 1 && storage.getStore() === probe);
    return seen ? found : null;
  } catch {
    return null;
  } finally {
    found.set(before);
  }
}

function frames() {
  try {
    const { current, set } = internals()?.requireBuiltin('internal/async_context_frame') ?? {};
    const here = typeof current === 'function' && typeof set === 'function';
    // The class is there, too, where nothing carries its frames.
    return here && !contextStaysWithResource() ? { current, set } : null;
  } catch {
    return null;
  }
}

/** The storages of others in a frame. @param {any} frame */
function without(frame) {
  return frame instanceof Link ? frame.rest : frame;
}

/** @param {any} frame of Node's @returns {Link | undefined} */
function linkOf(frame) {
  return frame instanceof Link ? frame : frame?.get(storage);
}

/**
 * Note the link that is in force before an invocation's own.
 * @param {import('./frames.js').Frame} frame @param {any} resource that runs; not needed where contexts are elsewhere
 */
function look(frame, resource) {
  if (carried === undefined) carried = findFrames();
  if (slot !== undefined) {
    frame.resource = resource;
    frame.before = resource[slot];
  } else if (carried) {
    frame.resource = carried.current();
    frame.before = linkOf(frame.resource);
  } else {
    frame.resource = resource;
    frame.before = storage.getStore();
  }
  return frame.before;
}

/** Note the link before a frame of an invocation that runs again. @param {import('./frames.js').Frame} frame */
function lookAgain(frame) {
  if (slot === undefined) return look(frame, null);
  frame.turn = executionAsyncId();
  return look(frame, executionAsyncResource());
}

/**
 * Note the link before an invocation within another one.
 * @param {import('./frames.js').Frame} frame @param {import('./frames.js').Frame} up
 */
function lookWithin(frame, up) {
  if (slot === undefined) return look(frame, null);
  frame.turn = executionAsyncId();
  // Nothing else runs in between, so the resource is the same.
  return look(frame, frame.turn === up.turn && up.resource !== null ? up.resource : executionAsyncResource());
}

/** Put a link in force. @param {Link} link @param {any} resource that runs */
function enter(link, resource) {
  if (slot !== undefined) {
    resource[slot] = link;
    return;
  }
  if (carried) {
    const now = carried.current();
    if (now === link) return;
    link.rest = without(now);
    carried.set(link);
    return;
  }
  storage.enterWith(link);
  const { enabled, kResourceStore } = /** @type {any} */ (storage);
  if (enabled === true && typeof kResourceStore === 'symbol' && contextStaysWithResource()) slot = kResourceStore;
}

/** Put back what was in force before an invocation. @param {import('./frames.js').Frame} frame */
function restore(frame) {
  const { resource, before } = frame;
  if (slot !== undefined && resource !== null) resource[slot] = before;
  else if (carried) leave(frame);
  else storage.enterWith(before);
}

/** @param {import('./frames.js').Frame} frame */
function leave(frame) {
  const frames = /** @type {NonNullable<typeof carried>} */ (carried);
  const now = frames.current();
  if (now === frame.link) frames.set(frame.resource);
  // The application has entered a storage of its own meanwhile, which stays in force.
  else storage.enterWith(frame.before);
}

/** @type {boolean | undefined} */
let stays;

/** Whether what is entered while a resource runs is still there when it runs again; not so in newer versions. */
function contextStaysWithResource() {
  if (stays === undefined) {
    const resource = new AsyncResource('PIPETRACE');
    const probe = new Link(0, /** @type {any} */ (null));
    resource.runInAsyncScope(() => storage.enterWith(probe));
    stays = resource.runInAsyncScope(() => storage.getStore() === probe);
  }
  return stays;
}

/** Run a function with a link in force. @template T @param {Link} link @param {() => T} action @returns {T} */
function run(link, action) {
  return storage.run(link, action);
}

/** Links travel no more. */
function disable() {
  storage.disable();
  slot = undefined;
  carried = null;
}

module.exports = { Link, look, lookAgain, lookWithin, enter, restore, run, contextStaysWithResource, disable };
