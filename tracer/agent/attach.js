// @ts-check
'use strict';

/**
 * The agent in a process that ran before the recording: helpers for the live edits, spool, figures, end.
 *
 * The helpers are globals, one for the entry of each function; as soon as the recording ends, or its recorder
 * is not heard of, they do nothing but count activations, and the texts are put back. Edited functions leave by `using`, by `finally`, at
 * their returns only, or unseen, as the recorder planned it (tracer/attach_forms.py has the forms).
 */

const process = require('process');
const path = require('path');
const { executionAsyncId } = require('async_hooks');
const { threadId, isMainThread } = require('worker_threads');
const { setImmediate } = require('timers');
const { performance } = require('perf_hooks');
const thinning = require('./thinning.js');
const { Spool } = require('./spool.js');
const { Sampling } = require('./sampling.js');
const { state } = require('./state.js');
const { isApplication, isWritable } = require('./decide.js');
const { sampling } = require('./figures.js');
const context = require('./context.js');
const frames = require('./frames.js');
const { compileFor, edit, restore } = require('./edit.js');

const FLUSH_MS = 100;
/** A recorder that is not heard of for so long is gone. */
const SILENCE_MS = 30_000;
/** Without a recorder, the texts are tried to be put back so often and so many times. */
const RESTORE_MS = 3000;
const RESTORES = 20;
const NAME = Symbol.for('pipetrace.attached');
const AGENT = __dirname + path.sep;

/** @typedef {import('./frames.js').Frame} Frame */

/**
 * @typedef {object} Options
 * @property {string} directory of the run; its `spool` takes the records
 * @property {string} app_root
 * @property {number} max_bytes that a thread may write
 * @property {Record<string, string>} roles role → name of the helper, or its first part
 * @property {boolean} using whether entries must be disposable
 * @property {boolean} loose whether some functions are left unseen when they throw
 * @property {{id: number, base: number, path: string, parents: number[], passes: [number, number][]}[]} files
 * @property {[string, string, number][]} helpers name, role and function id
 */

/** @param {Options} options */
function install(options) {
  /** @type {any} */
  const world = globalThis;
  state.appRoot = options.app_root;
  state.memory = 'off';
  thinning.bound(options.max_bytes);
  state.spool = new Spool(path.join(options.directory, 'spool'));
  state.sampling = new Sampling('off');
  state.inInit = false;
  state.initEnd = performance.now();
  state.spool.line({
    t: 'process', pid: process.pid, ppid: process.ppid, tid: threadId, worker: !isMainThread, argv: process.argv,
    node: process.version, origin: performance.timeOrigin, start: state.initEnd,
  });
  state.spool.line({ t: 'init', end: state.initEnd });
  for (const name of ['$pxs', '$pxq']) {
    Object.defineProperty(world, name, { value: 0, writable: true, configurable: true, enumerable: false });
  }
  options.files.forEach(file);
  calls = new Uint8Array(1 + options.helpers.reduce((most, [, , id]) => Math.max(most, id), 0));
  const figures = sampling(path.join(options.directory, `samples.${process.pid}.${threadId}.jsonl`));
  const live = helpers(options);
  const defined = define(live);
  compileFor(true);

  let stopped = false;
  let heard = performance.now();
  const timer = setInterval(() => {
    state.spool.flush();
    if (performance.now() - heard > SILENCE_MS) abandoned();
  }, FLUSH_MS);
  timer.unref();

  /** @param {number | undefined} code */
  function finish(code) {
    frames.closeAll();
    state.spool.line({ t: 'exit', end: performance.now(), code: code ?? null, lost: state.spool.lost, left: thinning.left });
    state.spool.flush();
  }

  const onExit = (/** @type {number} */ code) => {
    if (!stopped) finish(code);
  };
  process.on('exit', onExit);

  function stop() {
    if (stopped) return;
    stopped = true;
    define(idle(options));
    finish(undefined);
    clearInterval(timer);
    figures.stop();
    process.removeListener('exit', onExit);
    state.spool.close();
    context.disable();
  }

  function remove() {
    stop();
    compileFor(false);
    for (const name of [...defined, '$pxs', '$pxq']) delete world[name];
    delete world[NAME];
  }

  function abandoned() {
    stop();
    let left = RESTORES;
    const again = setInterval(() => {
      left--;
      const done = restore();
      if (done) remove();
      if (done || left === 0) clearInterval(again);
    }, RESTORE_MS);
    again.unref();
  }

  Object.defineProperty(world, NAME, {
    enumerable: false,
    configurable: true,
    value: Object.freeze({
      /** The recorder is there; answers whether the recording still runs. */
      beat() {
        heard = performance.now();
        return !stopped;
      },
      stop: () => atEmptyStack(stop),
      /** Numbers of the async functions that have activations under way, as far as they are counted. */
      active: () => JSON.stringify([...activations].filter(([, count]) => count > 0).map(([id]) => id)),
      stats: () => JSON.stringify({ lost: state.spool.lost }),
      /** Numbers of the functions that were called. */
      called: () => JSON.stringify([...calls.keys()].filter((id) => calls[id])),
      /** Send a text to a script. @param {string} script @param {string} text */
      async edit(script, text) {
        const edited = await edit(script, text);
        heard = performance.now();
        return JSON.stringify(edited);
      },
      remove: () => atEmptyStack(remove),
    }),
  });
}

/** 1 for each function that was called. */
let calls = new Uint8Array(0);
/** Activations of async functions under way, by function. @type {Map<number, number>} */
const activations = new Map();
/** Async frames that have not ended; an end may be told twice. @type {WeakSet<object>} */
const open = new WeakSet();

/** @param {Options['files'][number]} table */
function file({ id, base, path: name, parents, passes }) {
  state.files[id] = { id, base, path: name, parents, variables: [], sites: [], roots: {}, links: [[], []], imports: [] };
  const needed = base + parents.length;
  if (needed > state.parents.length) {
    const larger = new Int32Array(needed * 2).fill(-1);
    larger.set(state.parents);
    state.parents = larger;
  }
  parents.forEach((parent, index) => {
    state.parents[base + index] = parent < 0 ? -1 : base + parent;
  });
  for (const [caller, callee] of passes) state.passes.add((base + caller) * 0x1000000 + base + callee);
}

/** Commands arrive as interrupts of whatever runs; most may not be obeyed there. @param {() => void} action */
function atEmptyStack(action) {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(action());
      } catch (error) {
        reject(error);
      }
    });
  });
}

/** @param {object} activation @param {number} id */
function begun(activation, id) {
  open.add(activation);
  activations.set(id, (activations.get(id) ?? 0) + 1);
}

/** @param {any} activation */
function ended(activation) {
  if (open.delete(activation)) activations.set(activation.fid, (activations.get(activation.fid) ?? 1) - 1);
}

/** An entry that is a plain call, where `using` wants an object. */
class Slot {
  /** @param {number} at */
  constructor(at) {
    this.at = at;
  }
}

/** An activation of an async function while nothing is recorded. */
class Token {
  /** @param {number} fid */
  constructor(fid) {
    this.fid = fid;
  }
}

/**
 * @typedef {Record<string, Function>} Helpers name → function
 */

/** The helpers while recording. @param {Options} options @returns {Helpers} */
function helpers(options) {
  const { roles, using, loose } = options;
  /** @type {Slot[]} */
  const slots = [];
  let base = -1;

  /** @param {number | Frame | Slot} mark */
  function exit(mark) {
    if (mark instanceof Slot) mark = mark.at;
    if (typeof mark === 'object') {
      mark.returned = true;
      ended(mark);
      if (loose && !mark.suspended) frames.unwind(mark.at);
    } else if (loose && mark >= 0) {
      frames.unwind(mark);
    }
    frames.exit(mark);
  }

  /** Whatever was left by an exception unseen is closed before something else begins. */
  function settle() {
    const id = executionAsyncId();
    if (frames.height() === 0) base = id;
    else if (id !== base && !calledByApplication()) {
      frames.abandon();
      base = id;
    }
  }

  /** @param {number} id */
  function enter(id) {
    if (loose) settle();
    calls[id] = 1;
    const mark = frames.enter(id);
    if (!using || typeof mark === 'object') return mark;
    return (slots[mark] ??= new Slot(mark));
  }

  /** @param {number} id */
  function enterPromise(id) {
    if (loose) settle();
    calls[id] = 1;
    const frame = frames.enterPromise(id);
    begun(frame, id);
    return frame;
  }

  if (using) {
    const dispose = /** @type {any} */ (Symbol).dispose;
    for (const made of [Slot, frames.Frame, Token]) {
      Object.defineProperty(made.prototype, dispose, {
        /** @this {any} */
        value() {
          if (this instanceof Token) ended(this);
          else exit(this);
        },
        configurable: true,
      });
    }
  }

  /** @type {Helpers} */
  const found = {
    [roles.exit]: (/** @type {unknown} */ _, /** @type {any} */ mark) => exit(mark),
    [roles.leave]: (/** @type {unknown} */ _, /** @type {any} */ frame, /** @type {unknown} */ value) =>
      frame instanceof frames.Frame ? frames.leave(frame, value) : value,
    [roles.resume]: (/** @type {unknown} */ _, /** @type {any} */ frame, /** @type {unknown} */ value) => {
      if (!(frame instanceof frames.Frame)) return value;
      if (loose) settle();
      return frames.resume(frame, value);
    },
    [roles.caught]: (/** @type {unknown} */ _, /** @type {any} */ frame) => {
      if (frame instanceof frames.Frame) frames.caught(frame);
    },
    [roles.return]: (/** @type {unknown} */ _, /** @type {any} */ mark, /** @type {unknown} */ value) => {
      exit(mark);
      return value;
    },
    [roles.call]: (/** @type {any} */ mark, /** @type {unknown} */ value) => {
      exit(mark);
      return value;
    },
  };
  for (const [name, role, id] of options.helpers) {
    if (role === 'enter') found[name] = () => enter(id);
    else if (role === 'enterPromise') found[name] = () => enterPromise(id);
    else if (role === 'hit') found[name] = () => exit(enter(id));
    else found[name] = () => exit(enterPromise(id));
  }
  return found;
}

/** The helpers when nothing is recorded any more. @param {Options} options @returns {Helpers} */
function idle(options) {
  const { roles } = options;
  const end = (/** @type {any} */ mark) => {
    if (mark !== null && typeof mark === 'object') ended(mark);
  };
  const pass = (/** @type {unknown} */ _, /** @type {unknown} */ __, /** @type {unknown} */ value) => value;
  /** @type {Helpers} */
  const found = {
    [roles.exit]: (/** @type {unknown} */ _, /** @type {unknown} */ mark) => end(mark),
    [roles.leave]: pass,
    [roles.resume]: pass,
    [roles.caught]: () => {},
    [roles.return]: (/** @type {unknown} */ _, /** @type {unknown} */ mark, /** @type {unknown} */ value) => {
      end(mark);
      return value;
    },
    [roles.call]: (/** @type {unknown} */ mark, /** @type {unknown} */ value) => {
      end(mark);
      return value;
    },
  };
  for (const [name, role, id] of options.helpers) {
    found[name] = () => {};
    if (role === 'enterPromise') {
      found[name] = () => {
        const token = new Token(id);
        begun(token, id);
        return token;
      };
    }
  }
  if (options.using) {
    Object.defineProperty(frames.Frame.prototype, /** @type {any} */ (Symbol).dispose, {
      /** @this {any} */
      value() {
        ended(this);
      },
      configurable: true,
    });
    Object.defineProperty(Slot.prototype, /** @type {any} */ (Symbol).dispose, { value() {}, configurable: true });
  }
  return found;
}

/** @param {Helpers} made @returns {string[]} */
function define(made) {
  for (const [name, value] of Object.entries(made)) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }
  return Object.keys(made);
}

/** Whether the stack holds functions of the application below the one that runs. */
function calledByApplication() {
  if (!isWritable(Error, 'stackTraceLimit') || !isWritable(Error, 'prepareStackTrace')) return true;
  const { stackTraceLimit, prepareStackTrace } = Error;
  let found = 0;
  Error.stackTraceLimit = 200;
  Error.prepareStackTrace = (_error, sites) => {
    for (const site of sites) {
      const name = site.getFileName();
      if (name && !name.startsWith(AGENT) && !name.startsWith('node:') && isApplication(name)) found++;
    }
    return '';
  };
  try {
    void new Error().stack;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    Error.prepareStackTrace = prepareStackTrace;
  }
  return found > 1;
}

/** What the process says of itself before anything is changed. */
function describe() {
  const net = require('net');
  const dgram = require('dgram');
  const http = require('http');
  const https = require('https');
  const tls = require('tls');
  const listeners = [];
  const handles = /** @type {any} */ (process)._getActiveHandles?.() ?? [];
  for (const handle of handles) {
    const socket = handle instanceof dgram.Socket;
    if (!socket && !(handle instanceof net.Server)) continue;
    /** @type {any} */
    let address = null;
    try {
      address = handle.address();
    } catch {
      continue; // not bound
    }
    const web = handle instanceof http.Server || handle instanceof https.Server;
    listeners.push({
      kind: socket ? 'dgram' : web ? 'http' : 'net',
      port: address?.port ?? 0,
      address: typeof address === 'string' ? address : (address?.address ?? ''),
      index: listeners.length,
      secure: handle instanceof tls.Server,
    });
  }
  return JSON.stringify({
    pid: process.pid, argv: process.argv, exec_argv: process.execArgv, cwd: process.cwd(), version: process.version,
    listeners, attached: NAME in globalThis,
  });
}

module.exports = { install, describe };
