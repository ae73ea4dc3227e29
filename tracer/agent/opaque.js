// @ts-check
/// <reference path="./globals.d.ts" />
/* eslint-disable no-undef -- the flags $pxs and $pxq are declared in globals.d.ts */
'use strict';

/**
 * Calls into code that has no probes: what they do to objects that live longer than the chain.
 *
 * All such objects that can be reached from receiver and arguments count as read, since the library can read
 * them. Each is compared before and after the call, hidden values included, and counts as written where it
 * changed. Comparing large structures is dear, so a call site that has been seen often does it ever more
 * rarely; in between, objects count as written that a comparison found changed, and objects that none looked at if its
 * recent comparisons found changes.
 *
 * What answers a request in the application's place (another framework's application, a proxy) may keep state of its
 * own where nobody looks, so it counts as written.
 */

const { types } = require('util');
const { state } = require('./state.js');
const memory = require('./memory.js');
const { metas, isObject, content, READ, WRITE, BOTH, BUILTIN, OPAQUE, COMPARED } = memory;
const causality = require('./causality.js');
const { classOf, RESOURCES } = require('./classes.js');
const { aliasOf, proxyAbove } = require('./aliases.js');
const { fingerprints } = require('./fingerprint.js');
const { idOf, LIBRARY } = require('./identity.js');
const packages = require('./packages.js');
const { isExport } = packages;
const { parts } = require('./reach.js');
const ruptures = require('./ruptures.js');
const { beginLibraryCall, endLibraryCall } = require('./decide.js');
const { exclude, height } = require('./frames.js');
const { below } = require('./stacks.js');

/** Frames of the agent on the stack while a library runs. */
const FRAMES = 3;
const now = performance.now.bind(performance);

/** First calls of a site that all compare. */
const COMPARISONS = 8;
/** Later calls compare when their number is a multiple of this. */
const RARELY = 16;
/** Objects that are looked through for long-lived ones. */
const NODES = 1000;
const MOST_SUBJECTS = 64;
/** Comparing this many objects costs little, and is always done. */
const FEW = 60;
/** Asking about more functions than this is dear, and is done at fewer calls of a site. */
const SOME = 4;
const DEAR = 3;

class Place {
  calls = 0;
  compared = 0;
  /** Comparisons since one found a change; the first call may set things up. */
  unchanged = COMPARISONS;
  /** Functions that the last comparison asked about. */
  asked = 0;

  /** @param {number} size objects to look at */
  wants(size) {
    this.calls++;
    const dear = this.asked > SOME;
    return (size <= FEW && !dear) || this.compared < (dear ? DEAR : COMPARISONS) || this.calls % RARELY === 0;
  }

  /** Objects that a comparison found changed, and those that one found the same. @type {[WeakSet<object>, WeakSet<object>]} */
  known = [new WeakSet(), new WeakSet()];

  /** @param {object[]} subjects @param {ReadonlySet<object>} changed @param {number} asked functions asked about */
  note(subjects, changed, asked) {
    this.asked = asked;
    this.compared++;
    if (changed.size > 0 && this.compared > 1) this.unchanged = 0;
    else this.unchanged++;
    // The first call may set things up.
    for (const subject of this.compared > 1 ? subjects : []) this.known[changed.has(subject) ? 0 : 1].add(subject);
  }

  /** Whether a call that was not compared is taken to change an object. @param {object} subject */
  changes(subject) {
    const [written, steady] = this.known;
    if (written.has(subject)) return true;
    return this.unchanged < COMPARISONS && !steady.has(subject) && !isExport(subject);
  }
}

/** What comparing no objects gives. */
const NOTHING = { numbers: [], asked: 0 };
/** @type {Map<number, Place>} */
const places = new Map();
/** Of a function that belongs to an object which a library made: that object. @type {WeakMap<Function, object>} */
const owners = new WeakMap();

/**
 * Whether an object lives longer than the chain that runs, as far as is known.
 * @param {object} object @param {number} chain
 */
function outlives(object, chain) {
  const meta = metas.get(object);
  if (meta === undefined || meta.id === 0) return false;
  return meta.init || meta.chain !== chain || (!meta.made && meta.root !== '');
}

/**
 * The long-lived objects that a call can reach, and how many objects were looked at.
 * @param {Function} fn @param {any} receiver @param {any[]} args @param {number} chain @param {number} line
 */
function gather(fn, receiver, args, chain, line) {
  /** @type {Set<object>} */
  const subjects = new Set();
  /** @type {Map<object, number>} by depth */
  const seen = new Map();
  /** @param {unknown} value @param {number} depth */
  const put = (value, depth) => {
    if (isObject(value) && seen.size < NODES && !seen.has(value)) seen.set(value, depth);
  };
  put(owners.get(fn), 0);
  if (metas.get(fn)?.made) put(fn, 0);
  put(receiver, 0);
  for (const value of args) put(value, 0);
  for (const [value, depth] of seen) {
    const cls = classOf(value);
    if (RESOURCES.has(cls)) {
      if (depth < 3) content(value, BOTH, OPAQUE, line);
      continue;
    }
    if (types.isProxy(value)) {
      put(aliasOf(value), depth);
      continue;
    }
    const meta = metas.get(value);
    if (meta?.id === 0 || (typeof value === 'function' && idOf(value) !== LIBRARY)) continue;
    if (outlives(value, chain) && subjects.size < MOST_SUBJECTS) subjects.add(value);
    // What a library made from long-lived objects may be a view of them.
    for (const source of meta?.sources ?? []) put(source, depth + 1);
    if (isExport(value)) continue;
    if (cls === 'proxy') put(proxyAbove(value), depth + 1);
    for (const part of parts(value)) put(part, depth + 1);
  }
  return { subjects: [...subjects], size: seen.size };
}

/**
 * A request and its response are handed on: what takes them, if a library made it, answers from what it keeps.
 * @param {unknown[]} takers @param {any[]} args @param {number} chain @param {number} line
 */
function handOn(takers, args, chain, line) {
  const classes = args.map((value) => (isObject(value) && !types.isProxy(value) ? classOf(value) : ''));
  if (!classes.includes('http.request') || !classes.includes('http.response')) return;
  for (const taker of takers) {
    if (isObject(taker) && !types.isProxy(taker) && !isExport(taker) && !RESOURCES.has(classOf(taker)) && outlives(taker, chain)) {
      content(taker, BOTH, OPAQUE, line);
    }
  }
}

/** @param {Function} fn @param {any} receiver @param {any[]} args @param {number} site @param {boolean} isNew */
function opaque(fn, receiver, args, site, isNew) {
  const frame = state.frame;
  const file = state.files[site >>> 16];
  const made = file.sites[site & 0xffff];
  const line = made[2] ?? made[0];
  const ids = ruptures.register(args, site, 0);
  const begun = now();
  packages.learn();
  const keeper = packages.entered(fn, receiver);
  if (keeper !== null && frame !== null && $pxs && !causality.isInit(frame.chain)) keeper.called(line);
  const { subjects, size } = frame === null ? { subjects: [], size: 0 } : gather(fn, receiver, args, frame.chain.id, line);
  let place = places.get(site);
  if (place === undefined) {
    place = new Place();
    places.set(site, place);
  }
  const compared = subjects.length > 0 && place.wants(size) ? subjects.filter((subject) => !isExport(subject)) : [];
  const before = compared.length > 0 ? fingerprints(compared) : NOTHING;
  exclude(now() - begun);
  if (ids !== null) beginLibraryCall(height(), ids);
  let result;
  try {
    result = isNew ? Reflect.construct(fn, args) : below(FRAMES, fn, receiver, args);
  } finally {
    if (ids !== null) endLibraryCall();
    if (frame !== null && frame === state.frame && $pxs) {
      // A nested invocation may have made the change as well; then both count as writers.
      const ended = now();
      const { numbers, asked } = compared.length > 0 ? fingerprints(compared) : NOTHING;
      const changed = new Set(compared.filter((_, index) => numbers[index] !== before.numbers[index]));
      if (compared.length > 0) place.note(compared, changed, asked);
      for (const subject of subjects) {
        if (changed.has(subject)) content(subject, BOTH, COMPARED, line);
        else content(subject, compared.length === 0 && place.changes(subject) ? BOTH : READ, OPAQUE, line);
      }
      handOn([fn, receiver], args, frame.chain.id, line);
      exclude(now() - ended);
    }
  }
  if (isObject(result) && $pxs && !metas.has(result)) {
    const meta = memory.makeMeta(result, file.id, made[0], true);
    if (subjects.length > 0) meta.sources = subjects;
    if (keeper !== null) packages.gave(result, keeper);
    if (meta.cls !== 'proxy' && typeof result === 'object') {
      for (const value of parts(result)) if (typeof value === 'function') owners.set(value, result);
    }
  }
  return result;
}

/**
 * A promise is waited for. One that outlives its chain and is not settled yet passes something on from whoever
 * settles it, which no variable shows.
 * @param {unknown} value @param {number} line
 */
function awaited(value, line) {
  const frame = state.frame;
  if (frame === null || !types.isPromise(value) || !outlives(value, frame.chain.id)) return;
  const pending = require('util').inspect(value, { depth: 0, customInspect: false, maxStringLength: 0, maxArrayLength: 0 })
    .includes('<pending>');
  content(value, pending ? BOTH : READ, BUILTIN, line);
}

/** A promise is settled by one of its own functions. @param {Function} fn @param {number} line */
function settles(fn, line) {
  const promise = aliasOf(fn);
  const frame = state.frame;
  if (promise !== null && frame !== null && outlives(promise, frame.chain.id)) content(promise, WRITE, BUILTIN, line);
}

module.exports = { opaque, awaited, settles };
