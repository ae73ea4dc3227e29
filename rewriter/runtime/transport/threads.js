// @ts-check
/**
 * Stages as worker threads of the entry's process. Bytes are copied, never transferred: once a thread has given away an
 * array buffer, the engine checks every access to typed arrays there, which slowed image code by a third.
 */
'use strict';

const tty = require('node:tty');
const { MessageChannel, Worker, receiveMessageOnPort } = require('node:worker_threads');

/** @typedef {import('../peer.js').Link} Link */
/** @typedef {import('../peer.js').Message} Message */

/** Key of the stage's description in workerData. */
const KEY = 'pipetrace.stage';

/** Positions in the memory that both ends share: for each end a count of batches for it, and whether it waits for one. */
const STAGE = { COUNT: 0, WAITS: 1 };
const ENTRY = { COUNT: 2, WAITS: 3 };

/**
 * @typedef {object} Description  what a stage is told when it starts
 * @property {string} stage
 * @property {number} replica
 * @property {import('node:worker_threads').MessagePort} port
 * @property {Int32Array} shared
 * @property {[string, any][]} initial
 * @property {string[]} argv
 * @property {{tty: boolean[], columns: number | undefined}} terminal
 */

/** @typedef {{COUNT: number, WAITS: number}} End */

/** @param {Int32Array} shared @param {End} end for which a batch has been posted */
function wake(shared, end) {
  if (Atomics.load(shared, end.WAITS) !== 1) return;
  Atomics.add(shared, end.COUNT, 1);
  Atomics.notify(shared, end.COUNT);
}

/** @param {import('node:worker_threads').MessagePort} port @param {Int32Array} shared @param {End} end that waits @param {number} timeoutMs @returns {Message[] | null} */
function waitFor(port, shared, end, timeoutMs) {
  const deadline = performance.now() + timeoutMs;
  Atomics.store(shared, end.WAITS, 1);
  try {
    for (;;) {
      const seen = Atomics.load(shared, end.COUNT);
      const received = receiveMessageOnPort(port);
      if (received) return received.message;
      const left = deadline - performance.now();
      if (left <= 0) return null;
      Atomics.wait(shared, end.COUNT, seen, left);
    }
  } finally {
    Atomics.store(shared, end.WAITS, 0);
  }
}

/**
 * Starts a replica.
 * @param {{stage: string, replica: number, entry: string, env: NodeJS.ProcessEnv, initial: [string, any][]}} options
 * @param {{onBatch: (batch: Message[]) => void, onExit: (reason: string) => void}} events
 * @returns {{link: Link, utilization: () => number}}
 */
function start(options, events) {
  const { port1, port2 } = new MessageChannel();
  const shared = new Int32Array(new SharedArrayBuffer(16));
  /** @type {Description} */
  const description = {
    stage: options.stage, replica: options.replica, port: port2, shared, initial: options.initial, argv: process.argv,
    terminal: { tty: [tty.isatty(0), tty.isatty(1), tty.isatty(2)], columns: tty.isatty(1) ? process.stdout.columns : undefined },
  };
  const worker = new Worker(options.entry, {
    argv: process.argv.slice(2), env: options.env, stdout: true, stderr: true, name: `${options.stage}.${options.replica}`,
    workerData: { [KEY]: description }, transferList: [port2],
  });
  worker.unref();
  let reason = '';
  worker.on('error', (error) => { reason = error instanceof Error ? error.message : String(error); });
  worker.on('exit', (code) => {
    // What it said last may still be on its way, and is the reason why it ended.
    for (let last = receiveMessageOnPort(port1); last; last = receiveMessageOnPort(port1)) events.onBatch(last.message);
    port1.close();
    events.onExit(reason || `exit code ${code}`);
  });
  port1.on('message', events.onBatch);
  port1.unref();
  let refs = 0;
  /** @type {Link} */
  const link = {
    post(batch) {
      port1.postMessage(batch);
      wake(shared, STAGE);
    },
    receiveSync: (timeoutMs) => waitFor(port1, shared, ENTRY, timeoutMs),
    sharesMemory: true,
    ref() {
      if (refs++ === 0) port1.ref();
    },
    unref() {
      if (--refs === 0) port1.unref();
    },
    close() {
      worker.terminate();
    },
  };
  return { link, utilization: () => worker.performance.eventLoopUtilization().utilization };
}

/**
 * @param {Description} description @param {(batch: Message[]) => void} onBatch
 * @returns {Link} the stage's end
 */
function connect(description, onBatch) {
  const { port, shared } = description;
  port.on('message', onBatch);
  return {
    post(batch) {
      port.postMessage(batch);
      wake(shared, ENTRY);
    },
    receiveSync: (timeoutMs) => waitFor(port, shared, STAGE, timeoutMs),
    sharesMemory: true,
    ref() {},
    unref() {},
    close() {
      port.close();
    },
  };
}

module.exports = { start, connect, KEY };
