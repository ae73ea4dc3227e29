// @ts-check
/// <reference path="./globals.d.ts" />
/* eslint-disable no-undef -- the flags $pxs and $pxq are declared in globals.d.ts */
'use strict';

/**
 * The shadow stack of application functions, and the invocations made from it.
 *
 * Every function of the application enters and exits. Most entries are plain calls: they push their id and
 * pop it. An entry becomes an invocation when the stack is empty (the event loop or a library called), when
 * library code called it (see decide.js), or when the function returns a promise. An invocation of an async
 * function is cut into segments at each suspension; the first has its own kind, the others are resumptions.
 */

const { state } = require('./state.js');
const { isNested } = require('./decide.js');
const causality = require('./causality.js');
const { restore } = require('./context.js');
const thinning = require('./thinning.js');

const HANDLER = 0;
const CALL = 1;
const RESUME = 2;
const INIT = 3;
const NESTED = 4;
const SAMPLED = 8;
const THREW = 16;

/** Deeper frames are not noted: stores beyond the end of a typed array are dropped by the language. */
const ids = new Int32Array(1 << 16);
let sp = 0;

// Pairs (callee, caller) that are known to be plain calls, in a direct-mapped cache.
const PAIRS = 1 << 13;
const pairCallee = new Int32Array(PAIRS).fill(-1);
const pairCaller = new Int32Array(PAIRS).fill(-1);

let nextId = 1;
let flag = 0;
const now = performance.now.bind(performance);

/** Milliseconds that the agent took for itself within invocations. */
let watching = 0;

/** One in so many invocations measures what the agent itself takes outside of the time that it reports. */
const MEASURED = 32;
let opens = 0;
let closes = 0;
/** Milliseconds in measured beginnings and ends, which an invocation around them would have as its own. */
const own = { opens: 0, opening: 0, closes: 0, closing: 0 };

/** One invocation while it is open; the same object serves all segments of an async function. */
class Frame {
  /** @param {number} fid @param {number} at */
  constructor(fid, at) {
    this.fid = fid;
    /** Height of the shadow stack below this frame. */
    this.at = at;
    /** @type {Frame | null} */
    this.up = state.frame;
    this.id = nextId++;
    this.parent = 0;
    this.first = 0;
    /** @type {import('./causality.js').Chain} */
    this.chain = causality.NO_CHAIN;
    /** @type {import('./context.js').Link | undefined} */
    this.before = undefined;
    /** What this segment hands on to whatever it starts. @type {import('./context.js').Link | null} */
    this.link = null;
    /** What ran when this segment began, or Node's context of that time. @type {any} */
    this.resource = null;
    /** Node's number of what ran then. */
    this.turn = 0;
    this.restore = true;
    this.flags = 0;
    this.trigger = 0;
    this.start = 0;
    /** Milliseconds of invocations inside, and of the agent. */
    this.inner = 0;
    /** `watching` when it began, of a kernel. */
    this.watched = 0;
    this.sampled = false;
    /** What its calls name as their parent, if that is another invocation. */
    this.as = 0;
    this.suspended = false;
    this.returned = false;
    this.wantsShape = false;
    /** The function returns a promise, so what is returned may be what it resolves to. */
    this.promises = false;
    /** Folded accesses of this segment: location id → mode, via and line. @type {Map<number, number> | null} */
    this.accesses = null;
  }
}

/** Entry of a function that may be a plain call. @param {number} id @returns {number | Frame} */
function enter(id) {
  const at = sp;
  if (at !== 0) {
    const top = ids[at - 1];
    const slot = (Math.imul(id, 0x9e3779b1) ^ top) & (PAIRS - 1);
    if (pairCallee[slot] === id && pairCaller[slot] === top) {
      ids[at] = id;
      sp = at + 1;
      return at;
    }
  }
  return enterSlowly(id, at, false);
}

/** Entry of a function whose every call is an invocation: it returns a promise. @param {number} id @returns {Frame} */
function enterPromise(id) {
  const frame = /** @type {Frame} */ (enterSlowly(id, sp, true));
  frame.promises = true;
  return frame;
}

/** @param {number} id @param {number} at @param {boolean} always */
function enterSlowly(id, at, always) {
  if (at === 0) return open(id, at, HANDLER);
  const top = ids[at - 1];
  if (isNested(id, top, ids, at)) return open(id, at, HANDLER | NESTED);
  if (always) return open(id, at, CALL);
  if (state.sampling.lacks(id)) {
    meet(id);
  } else {
    const slot = (Math.imul(id, 0x9e3779b1) ^ top) & (PAIRS - 1);
    pairCallee[slot] = id;
    pairCaller[slot] = top;
  }
  ids[at] = id;
  sp = at + 1;
  return at;
}

/** A function is called that has run in few samples: the rest of the invocation becomes one. @param {number} id */
function meet(id) {
  const { frame } = state;
  if (frame === null || (frame.flags & 3) === INIT || !frame.chain.kept) return;
  if (!frame.sampled) {
    frame.sampled = true;
    setFlag(1);
  }
  state.sampling.meets(id, frame.id);
}

/** @param {number} id @param {number} at @param {number} flags @returns {Frame} */
function open(id, at, flags) {
  const begun = ++opens % MEASURED === 0 ? now() : 0;
  const frame = new Frame(id, at);
  frame.flags = flags;
  if (frame.up === null) causality.begin(frame);
  else causality.descend(frame, frame.up);
  frame.sampled = flags === INIT ? state.memory !== 'off' : frame.chain.kept && state.sampling.wants(id, frame.chain.event);
  frame.wantsShape = flags !== INIT && wantsShape(id);
  if (flags !== INIT && (frame.wantsShape || frame.up === null)) $pxq = 1;
  ids[at] = id;
  sp = at + 1;
  state.frame = frame;
  setFlag(frame.sampled ? 1 : 0);
  frame.start = now();
  if (begun !== 0) {
    own.opens++;
    own.opening += frame.start - begun;
  }
  return frame;
}

/** Exit of any entry, by return or by throw. @param {number | Frame} mark */
function exit(mark) {
  if (typeof mark === 'number') {
    if (mark >= 0) sp = mark;
  } else if (!mark.suspended) {
    close(mark, mark.returned ? 0 : THREW);
  }
}

/** @param {Frame} frame @param {number} threw */
function close(frame, threw) {
  const end = now();
  const wall = end - frame.start;
  const up = frame.up;
  sp = frame.at;
  state.frame = up;
  if (up !== null) up.inner += wall;
  write(frame, threw, wall);
  setFlag(up !== null && up.sampled ? 1 : 0);
  $pxq = 0;
  if (frame.restore) restore(frame);
  frame.resource = null;
  // Where accesses were written, the end took longer than it does otherwise.
  if (++closes % MEASURED === 0 && !frame.sampled) {
    own.closes++;
    own.closing += now() - end;
  }
}

/** Write the record of a segment and its accesses. @param {Frame} frame @param {number} threw @param {number} wall ms */
function write(frame, threw, wall) {
  const self = wall - frame.inner;
  const flags = frame.flags | threw | (frame.sampled ? SAMPLED : 0) | (frame.trigger << 8);
  const { spool } = state;
  if (thinning.isFull()) frame.chain.kept = false;
  const { kept } = frame.chain;
  if (kept) {
    spool.invocation(frame.id, frame.fid, frame.parent, frame.chain.id, frame.first, flags, frame.start, wall, self);
    if (!frame.chain.written) causality.writeChain(frame.chain);
  } else {
    thinning.leave(frame.chain.id === frame.id, frame.chain.written);
  }
  // Initialisation is always sampled and does not come again, so it says nothing about the share to come.
  if ((frame.flags & 3) !== INIT) state.sampling.spent(self, frame.sampled);
  if (frame.accesses !== null) {
    for (const [location, packed] of kept ? frame.accesses : []) {
      spool.access(frame.id, location, packed & 0xff, packed >>> 8);
    }
    frame.accesses = null;
  }
}

/** Time that the agent took within the running invocation is none of its cost. @param {number} ms */
function exclude(ms) {
  const { frame } = state;
  if (frame === null) return;
  watching += ms;
  frame.inner += ms;
  if ((frame.flags & 3) !== INIT) state.sampling.spent(ms, frame.sampled);
}

/**
 * Around the operand of `await`: leave before the suspension.
 * @template T
 * @param {Frame} frame @param {T} value @param {number} [line] of the `await`
 * @returns {T}
 */
function leave(frame, value, line) {
  if (!frame.suspended) {
    if ($pxs) awaits(value, line ?? 0);
    close(frame, 0);
    frame.suspended = true;
  }
  return value;
}

/**
 * Around a whole `await`: a new segment begins.
 * @template T
 * @param {Frame} frame @param {T} value
 * @returns {T}
 */
function resume(frame, value) {
  if (frame.suspended) reopen(frame);
  return value;
}

/**
 * A call that could become a kernel begins.
 * @param {number} id of the kernel @param {Frame} frame the invocation that calls it
 * @param {boolean} apart it may be an invocation of its own
 * @returns {Frame}
 */
function enterKernel(id, frame, apart) {
  const kernel = new Frame(id, sp);
  kernel.flags = CALL;
  kernel.chain = frame.chain;
  kernel.parent = frame.id;
  kernel.restore = false;
  if (!apart) kernel.as = frame.id;
  kernel.sampled = frame.sampled || (apart && frame.chain.kept && state.sampling.lacks(id));
  if (apart && kernel.sampled) state.sampling.meets(id, kernel.id);
  kernel.wantsShape = wantsShape(id);
  ids[sp] = id;
  sp++;
  state.frame = kernel;
  setFlag(kernel.sampled ? 1 : 0);
  kernel.watched = watching;
  kernel.start = now();
  return kernel;
}

/**
 * Such a call ends. If it may not be apart, or was light and called no invocation, it was a part of its function like any
 * other; else what its function did before is a segment of its own, as before an `await`, and the rest follows from it.
 * @param {Frame} kernel @param {Frame} frame @param {number} light ms
 * @returns {number} ms that it took, without the agent's
 */
function exitKernel(kernel, frame, light) {
  const end = now();
  const wall = end - kernel.start;
  const spent = wall - (watching - kernel.watched);
  sp = kernel.at;
  state.frame = frame;
  if (kernel.sampled) frame.sampled = true;
  setFlag(frame.sampled ? 1 : 0);
  if (kernel.as !== 0 || (spent < light && nextId === kernel.id + 1)) {
    frame.inner += kernel.inner;
    if (kernel.accesses !== null) fold(frame, kernel.accesses);
    return spent;
  }
  const before = kernel.start - frame.start;
  write(frame, 0, before);
  write(kernel, kernel.returned ? 0 : THREW, wall);
  if (frame.up !== null) frame.up.inner += before + wall;
  if (frame.first === 0) frame.first = frame.id;
  frame.id = nextId++;
  frame.parent = kernel.id;
  frame.flags = RESUME | (frame.at === 0 ? 0 : NESTED);
  frame.trigger = 0;
  frame.inner = 0;
  causality.place(frame);
  frame.start = now();
  return spent;
}

/** Add the accesses of a call to those of its function before it. @param {Frame} frame @param {Map<number, number>} later */
function fold(frame, later) {
  if (frame.accesses === null) {
    frame.accesses = later;
    return;
  }
  for (const [location, packed] of later) {
    const known = frame.accesses.get(location);
    // What an invocation writes before it reads it does not come from another one.
    if (known === undefined) frame.accesses.set(location, packed);
    else if ((known & 3) !== 2) frame.accesses.set(location, known | (packed & 3));
  }
}

/** At the head of `catch` and `finally`: the suspension may have ended by a rejection. @param {Frame | number} frame */
function caught(frame) {
  if (typeof frame === 'object') {
    if (frame.suspended) reopen(frame);
    else if (state.frame !== frame && sp > frame.at) settle(frame);
  } else if (frame >= 0 && sp > frame + 1) {
    sp = frame + 1;
  }
}

/** Close frames above this one that an exception passed without closing them. @param {Frame} frame */
function settle(frame) {
  sp = frame.at + 1;
}

/** @param {Frame} frame */
function reopen(frame) {
  const previous = frame.id;
  frame.suspended = false;
  if (frame.first === 0) frame.first = previous;
  frame.parent = previous;
  frame.id = nextId++;
  frame.flags = RESUME | (sp === 0 ? 0 : NESTED);
  frame.inner = 0;
  frame.up = state.frame;
  frame.at = sp;
  frame.trigger = causality.promiseTrigger();
  ids[sp] = frame.fid;
  sp++;
  causality.reenter(frame);
  state.frame = frame;
  setFlag(frame.sampled ? 1 : 0);
  frame.start = now();
}

/**
 * Around every returned value.
 * @template T
 * @param {number | Frame} mark @param {T} [value]
 * @returns {T | undefined}
 */
function returned(mark, value) {
  if (typeof mark === 'object') {
    mark.returned = true;
    if (mark.wantsShape) noteReturn(mark, value);
  }
  return value;
}

/**
 * Around a returned value where no `finally` stands around the body: the exit as well.
 * @template T
 * @param {number | Frame} mark @param {T} [value]
 * @returns {T | undefined}
 */
function returnedAndExit(mark, value) {
  const result = returned(mark, value);
  exit(mark);
  return result;
}

/** First operand of a list that is evaluated from left to right. @template T @param {T} value @returns {T} */
function firstOf(value) {
  return value;
}

/** @param {number} value */
function setFlag(value) {
  if (flag !== value) {
    flag = value;
    $pxs = value;
  }
}

/** Evaluation of a module begins. @param {number} fid @returns {Frame} */
function enterInit(fid) {
  return open(fid, sp, INIT);
}

/** @param {Frame} frame @param {boolean} threw */
function exitInit(frame, threw) {
  frame.returned = !threw;
  if (!frame.suspended) close(frame, threw ? THREW : 0);
  if (sp === 0 && state.inInit) {
    state.initEnd = now();
    state.spool.line({ t: 'init', end: state.initEnd });
  }
}

/** Record the open invocations as if they ended now; the process is about to end. */
function closeAll() {
  while (state.frame !== null) close(state.frame, 0);
  sp = 0;
}

/** Close what an exception left unseen above a height of the stack. @param {number} at */
function unwind(at) {
  while (state.frame !== null && state.frame.at > at) close(state.frame, THREW);
}

/** Drop the open invocations, which an exception left long ago: they count, but no time does. */
function abandon() {
  while (state.frame !== null) {
    state.frame.start = now();
    state.frame.inner = 0;
    close(state.frame, THREW);
  }
  sp = 0;
}

/**
 * What the agent takes for an invocation, in ns: outside of the time that it reports, which counts as time of an
 * invocation around it, and within, where it is reading the clock.
 */
function ownCosts() {
  let within = Infinity;
  for (let round = 0; round < 20; round++) {
    const begun = now();
    for (let count = 0; count < 100; count++) now();
    within = Math.min(within, (now() - begun) / 101);
  }
  const outside = (own.opens ? own.opening / own.opens : 0) + (own.closes ? own.closing / own.closes : 0);
  return { outside_ns: Math.round(outside * 1e6), within_ns: Math.round(within * 1e6) };
}

/** Forget which pairs are plain calls, so that they are looked at again. */
function forgetPairs() {
  pairCallee.fill(-1);
}

/** @type {(fid: number) => boolean} */
let wantsShape = () => false;
/** @type {(frame: Frame, value: unknown) => void} */
let noteReturn = () => {};

/** @type {(value: unknown, line: number) => void} */
let awaits = () => {};

/** @param {typeof wantsShape} wants @param {typeof noteReturn} note */
function observeShapes(wants, note) {
  wantsShape = wants;
  noteReturn = note;
}

/** @param {typeof awaits} note what sampled invocations wait for */
function observeAwaits(note) {
  awaits = note;
}

/** Number of functions on the shadow stack. */
const height = () => sp;

module.exports = {
  Frame, enter, enterPromise, exit, exclude, leave, resume, enterKernel, exitKernel, caught, returned, returnedAndExit, firstOf,
  enterInit, exitInit, closeAll, unwind, abandon, ownCosts, forgetPairs, observeShapes, observeAwaits, height, HANDLER, CALL, RESUME,
  INIT, NESTED, SAMPLED,
};
