// @ts-check
/**
 * Keeps a stage that is not the entry from acting as one: it binds no port, its own timers do not fire, it prints
 * nothing while it starts, and what concerns the whole process is passed on to the entry.
 */
'use strict';

const dgram = require('node:dgram');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const path = require('node:path');
const timers = require('node:timers');
const { syncBuiltinESMExports } = require('node:module');
const { AsyncResource } = require('node:async_hooks');
const { fileURLToPath } = require('node:url');
const { types } = require('node:util');
const { activity, context, currentHandler, currentSession, inInit } = require('./context.js');
const { errors } = require('./errors.js');
const program = require('./program.js');
const violations = require('./violations.js');

/**
 * What a stage passes on.
 * @typedef {object} Outside
 * @property {(index: number) => void} listen  a server wants to listen
 * @property {(fd: number, data: string | Uint8Array) => void} print
 * @property {(code: number | null) => void} exit  null: with the status that the process has set
 * @property {(kind: number, error: any, session: number) => void} raise  session: of the call that it happened in, or 0
 * @property {(error: any) => void} failed  initialisation has failed
 */

const PROCESS_EVENTS = new Set(['exit', 'beforeExit', 'uncaughtException', 'uncaughtExceptionMonitor', 'unhandledRejection',
  'rejectionHandled', 'multipleResolves', 'message', 'disconnect', 'worker']);
const NEVER = 2 ** 31 - 1;

/** Functions of sources that live on this stage. @type {WeakSet<Function>} */
const sourcesHere = new WeakSet();

/** @param {any} target @param {string} name @param {Function} replacement looks like what it replaces */
function patch(target, name, replacement) {
  const original = target[name];
  Object.defineProperty(replacement, 'name', { value: original.name, configurable: true });
  Object.defineProperty(replacement, 'length', { value: original.length, configurable: true });
  for (const key of Reflect.ownKeys(original)) {
    if (Object.hasOwn(replacement, key)) continue;
    Object.defineProperty(replacement, key, /** @type {PropertyDescriptor} */ (Reflect.getOwnPropertyDescriptor(original, key)));
  }
  target[name] = replacement;
}

/** Marks a server of the runtime itself, which is none of the application's. */
const OWN = Symbol.for('pipetrace.own');

/** Remembers servers and sockets in the order in which they listen. On the entry they do listen. @param {(index: number) => void} added */
function watchListeners(added) {
  for (const [proto, name] of /** @type {[any, string][]} */ ([[net.Server.prototype, 'listen'], [dgram.Socket.prototype, 'bind']])) {
    const original = proto[name];
    patch(proto, name, /** @this {any} @param {any[]} args */ function (...args) {
      const result = Reflect.apply(original, this, args);
      if (!program.servers.includes(this) && !(OWN in this)) {
        program.addServer(this);
        added(program.servers.length - 1);
      }
      return result;
    });
  }
}

/** Remembers what answers the requests of servers, in the order of registration, which is the same on every stage. */
function watchAnswerers() {
  for (const proto of /** @type {any[]} */ ([http.Server.prototype, https.Server.prototype])) {
    for (const name of ['on', 'addListener']) {
      const original = proto[name];
      patch(proto, name, /** @this {any} @param {any[]} args */ function (...args) {
        if (args[0] === 'request' && typeof args[1] === 'function' && !(OWN in this)) program.addAnswerer(args[1]);
        return Reflect.apply(original, this, args);
      });
    }
  }
}

/** @type {Map<number, {server: any, resource: AsyncResource}>} */
const pending = new Map();

/** @param {(index: number) => void} listen @param {boolean} thread of the entry's process, where a handler's own servers may listen */
function silenceListeners(listen, thread) {
  for (const [proto, name] of /** @type {[any, string][]} */ ([[net.Server.prototype, 'listen'], [dgram.Socket.prototype, 'bind']])) {
    const original = proto[name];
    patch(proto, name, /** @this {any} @param {any[]} args */ function (...args) {
      if (!inInit()) {
        if (thread) return Reflect.apply(original, this, args);
        throw violations.report(errors.listens(currentHandler(), context.stage));
      }
      const callback = args.find((value) => typeof value === 'function');
      if (callback) this.once('listening', callback);
      if (!program.servers.includes(this)) {
        program.addServer(this);
        const index = program.servers.length - 1;
        pending.set(index, { server: this, resource: new AsyncResource('PIPETRACE') });
        listen(index);
      }
      return this;
    });
  }
}

/** @param {number} index @param {any} address of the entry's server, which this stage's stands for */
function listening(index, address) {
  const found = pending.get(index);
  if (!found) return;
  pending.delete(index);
  const { server, resource } = found;
  Object.defineProperty(server, 'listening', { value: true, configurable: true, writable: true });
  server.address = () => address;
  server.close = /** @param {() => void} [done] */ (done) => {
    if (done) process.nextTick(done);
    return server;
  };
  resource.runInAsyncScope(() => server.emit('listening'));
}

/** @param {Function} above @returns {boolean} true if the caller of `above` is a file of the application, not of a library */
function calledByApplication(above) {
  const { prepareStackTrace, stackTraceLimit } = Error;
  /** @type {any} */
  const holder = {};
  Error.stackTraceLimit = 1;
  Error.prepareStackTrace = (_error, frames) => (frames[0] ? frames[0].getFileName() : '');
  Error.captureStackTrace(holder, above);
  const name = holder.stack;
  Error.prepareStackTrace = prepareStackTrace;
  Error.stackTraceLimit = stackTraceLimit;
  if (typeof name !== 'string' || name === '') return false;
  const file = name.startsWith('file:') ? fileURLToPath(name) : name;
  const relative = path.relative(context.root, file);
  return path.isAbsolute(file) && !relative.startsWith('..') && !relative.split(path.sep).includes('node_modules');
}

/** @param {Function} fn @returns {boolean} true for functions such as a promise's resolve, with which the program's start goes on */
function isNative(fn) {
  return !types.isProxy(fn) && fn.name === '' && Function.prototype.toString.call(fn).endsWith('{ [native code] }');
}

function silenceTimers() {
  for (const name of ['setTimeout', 'setInterval']) {
    const original = /** @type {any} */ (globalThis)[name];
    const never = timers.setTimeout;
    const replacement = /** @param {any[]} args @returns {any} */ function (...args) {
      const fn = args[0];
      if (inInit() && typeof fn === 'function' && !sourcesHere.has(fn) && !isNative(fn) && calledByApplication(replacement)) {
        return Reflect.apply(never, globalThis, [() => undefined, NEVER]).unref();
      }
      return Reflect.apply(original, globalThis, args);
    };
    patch(globalThis, name, replacement);
    /** @type {any} */ (timers)[name] = replacement;
  }
}

/** @param {Outside} outside @param {{tty: boolean[], columns: number | undefined}} terminal */
function silenceOutput(outside, terminal) {
  [process.stdout, process.stderr].forEach((stream, position) => {
    const fd = position + 1;
    const replacement = /** @param {any} chunk @param {any} [encoding] @param {any} [done] */ (chunk, encoding, done) => {
      if (!inInit()) outside.print(fd, typeof chunk === 'string' ? chunk : new Uint8Array(chunk));
      const callback = typeof encoding === 'function' ? encoding : done;
      if (typeof callback === 'function') process.nextTick(callback);
      return true;
    };
    stream.write = /** @type {any} */ (replacement);
    if (terminal.tty[fd] && !stream.isTTY) {
      stream.isTTY = true;
      if (terminal.columns) stream.columns = terminal.columns;
    }
  });
  for (const name of ['writeSync', 'write']) {
    const original = /** @type {any} */ (fs)[name];
    patch(fs, name, /** @param {any[]} args @returns {any} */ function (...args) {
      if ((args[0] === 1 || args[0] === 2) && inInit()) {
        const length = typeof args[1] === 'string' ? Buffer.byteLength(args[1]) : args[1].byteLength;
        const callback = args[args.length - 1];
        if (name === 'write' && typeof callback === 'function') process.nextTick(callback, null, length, args[1]);
        return name === 'writeSync' ? length : undefined;
      }
      return Reflect.apply(original, fs, args);
    });
  }
}

/** @param {Outside} outside @param {boolean} thread */
function silenceProcess(outside, thread) {
  for (const name of /** @type {const} */ (['on', 'addListener', 'once', 'prependListener', 'prependOnceListener'])) {
    const original = process[name];
    patch(process, name, /** @this {any} @param {string} event @param {any[]} rest */ function (event, ...rest) {
      if (PROCESS_EVENTS.has(event) || /^SIG[A-Z0-9]+$/.test(String(event))) return process;
      return Reflect.apply(original, process, [event, ...rest]);
    });
  }
  const exit = process.exit;
  patch(process, 'exit', /** @param {number} [code] */ (code) => {
    if (inInit()) outside.failed(new Error(`it called process.exit(${code === undefined ? '' : code})`));
    else outside.exit(code === undefined || code === null ? null : Number(code));
    Reflect.apply(exit, process, [code]);
  });
  // The stage's own: nobody but the runtime may take errors here.
  patch(process, 'setUncaughtExceptionCaptureCallback', () => undefined);
  // The working directory and the user belong to the whole process, whose entry sets them.
  for (const name of ['chdir', 'setuid', 'setgid', 'seteuid', 'setegid', 'setgroups', 'initgroups']) {
    const original = /** @type {any} */ (process)[name];
    if (typeof original !== 'function') continue;
    patch(process, name, /** @param {any[]} args @returns {any} */ (...args) => {
      if (!inInit()) throw violations.report(errors.ofProcess(name, currentHandler(), context.stage));
      return thread ? undefined : Reflect.apply(original, process, args);
    });
  }
  if (!thread) {
    // The number of a process means one on the entry's machine.
    patch(process, 'kill', () => {
      throw violations.report(errors.ofProcess('kill', currentHandler(), context.stage));
    });
    return;
  }
  const umask = process.umask;
  patch(process, 'umask', () => umask());
}

/** @param {Outside} outside errors that nobody catches are raised where the application's own handlers are */
function passErrors(outside) {
  process.setUncaughtExceptionCaptureCallback((error) => {
    if (inInit()) outside.failed(error);
    else outside.raise(0, error, currentSession());
  });
  process.on('unhandledRejection', (error) => {
    if (inInit()) outside.failed(error);
    else outside.raise(1, error, currentSession());
  });
}

/** Lets the program believe that it is the main thread. */
function hideThread() {
  /** @type {any} */
  const threads = require('node:worker_threads');
  for (const [name, value] of Object.entries({ isMainThread: true, parentPort: null, workerData: null, threadId: 0 })) {
    Object.defineProperty(threads, name, { value, enumerable: true, configurable: true, writable: true });
  }
}

/**
 * Makes this thread or process a stage that is not the entry.
 * @param {Outside} outside
 * @param {{thread: boolean, argv: string[], terminal: {tty: boolean[], columns: number | undefined}, pid?: [number, number]}} facts
 */
function isolate(outside, facts) {
  passErrors(outside);
  silenceListeners(outside.listen, facts.thread);
  watchAnswerers();
  silenceTimers();
  silenceOutput(outside, facts.terminal);
  silenceProcess(outside, facts.thread);
  if (facts.thread) {
    hideThread();
    // Node puts the script's name in after the preloaded modules have run.
    process.argv = [...facts.argv.slice(0, 1), ...facts.argv.slice(2)];
  }
  if (facts.pid) {
    // The application is one process, which is the entry's.
    Object.defineProperty(process, 'pid', { value: facts.pid[0], enumerable: true, configurable: true, writable: true });
    Object.defineProperty(process, 'ppid', { value: facts.pid[1], enumerable: true, configurable: true, writable: true });
  }
  syncBuiltinESMExports();
  // Everything that follows from the program's start is initialisation, also when it is asynchronous.
  activity.enterWith('init');
}

module.exports = { isolate, watchAnswerers, watchListeners, listening, sourcesHere };
