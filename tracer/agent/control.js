// @ts-check
'use strict';

/**
 * What the recorder controls in a process: CPU profile, figures over time, stop.
 *
 * The application's first process opens its inspector on loopback and waits a moment for the recorder, which
 * takes the profile over the DevTools protocol; at its exit it waits for the profile to be fetched, and ends the
 * connection, which the recorder leaves to it: Node crashes now and then where both sides do so at once. Where Node's
 * words about the inspector could not be kept out of its stderr, and in other processes and worker threads, which
 * are never held up, the thread takes its profile itself and leaves it in a file.
 */

const process = require('process');
const fs = require('fs');
const path = require('path');
const inspector = require('inspector');
const { isMainThread, threadId } = require('worker_threads');
const { setTimeout } = require('timers');
const { performance } = require('perf_hooks');
const { sampling } = require('./figures.js');
const { quietly } = require('./quietly.js');
const { onExit } = require('./ending.js');
const { isGone } = require('./recorder.js');
const { state } = require('./state.js');
const { declare } = require('./variables.js');

const HOLD_MS = 5000;
const EXIT_MS = 3000;
const STOP_MS = 100;
/** Of these intervals, after how many it is looked whether the recorder lives. */
const LOOKS = 10;
/** As in tracer/inspection.py, which says why. */
const PROFILE_US = 2000;
const FIRST_MS = 3000;
const ON_MS = 1000;
const OFF_MS = 4000;
const MOST_OFF_MS = 16000;
const STARTS_SHARE = 0.01;

const run = process.env.PIPETRACE_RUN;
const directory = process.env.PIPETRACE_DIR;
if (run && directory && process.env.PIPETRACE_HOOKS_THREAD !== '1') {
  control(run, directory);
}

/** @param {string} run @param {string} directory of the application */
function control(run, directory) {
  const figures = sampling(path.join(directory, `samples.${process.pid}.${threadId}.jsonl`));
  const remote = isMainThread && isClaimer(directory) ? remoteProfile(run) : null;
  let stopped = false;

  function stats() {
    return /** @type {any} */ (state.agent?.stats() ?? {});
  }

  function stop() {
    if (stopped) return;
    stopped = true;
    clearInterval(timer);
    figures.stop();
    state.agent?.stop();
  }

  const stopFile = path.join(run, 'stop');
  let ticks = 0;
  const timer = setInterval(() => {
    if (++ticks % LOOKS === 0 && isGone(run)) {
      // Nobody will read what would be written.
      stop();
      profile.drop();
      state.spool.close();
      return;
    }
    // The first process is told over the protocol.
    if (profile === remote || !fs.existsSync(stopFile)) return;
    stop();
    profile.end();
    try {
      fs.writeFileSync(path.join(run, `stopped.${process.pid}.${threadId}`), '');
    } catch {
      // the recorder is gone
    }
  }, STOP_MS);
  timer.unref();

  onExit(() => {
    figures.stop();
    profile.end();
  });
  declare({
    $pxControl: {
      attach: () => remote !== null && remote.attach(),
      release: () => remote !== null && remote.release(),
      stop,
      stats: () => JSON.stringify(stats()),
    },
  });
  const profile = remote !== null && remote.hold() ? remote : ownProfile(directory, stats);
}

/** @param {string} directory */
function isClaimer(directory) {
  try {
    return JSON.parse(fs.readFileSync(path.join(directory, 'config.json'), 'utf8')).pid === process.pid;
  } catch {
    return false;
  }
}

/**
 * A profile that the recorder takes over the protocol.
 * @param {string} run
 */
function remoteProfile(run) {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  let attached = false;
  let given = false;
  let released = false;
  let opened = false;
  let ending = false;
  /** Tells the recorder that the process ends. @type {((payload: string) => void) | undefined} */
  let notify;

  /** @param {() => boolean} done @param {number} limit ms */
  function wait(done, limit) {
    const deadline = performance.now() + limit;
    // The recorder's commands run as interrupts of this loop.
    while (!done() && performance.now() < deadline) Atomics.wait(cell, 0, 0, 1);
  }

  /** Close the inspector, and with it the recorder's connection, if it was opened here. */
  function close() {
    if (!opened) return;
    opened = false;
    quietly(() => inspector.close());
  }

  return {
    /** Called by the recorder; false when it comes too late. */
    attach() {
      if (given) return false;
      attached = true;
      // The application must not find it among its globals.
      notify = /** @type {any} */ (globalThis).$pxExit;
      delete /** @type {any} */ (globalThis).$pxExit;
      return true;
    },
    /** Called by the recorder, which needs nothing more; true when the process ends the connection, not the recorder. */
    release() {
      released = true;
      return opened && ending;
    },
    /** Wait for the recorder; false when it did not come or could not come unheard. */
    hold() {
      try {
        quietly(() => {
          let url = inspector.url();
          if (url === undefined) {
            inspector.open(0, '127.0.0.1', false);
            opened = true;
            url = inspector.url();
          }
          const line = JSON.stringify({ event: 'inspector', url, pid: process.pid, ppid: process.ppid });
          fs.appendFileSync(path.join(run, 'events.jsonl'), line + '\n');
          wait(() => attached, HOLD_MS);
          given = !attached;
          if (given && opened) {
            opened = false;
            inspector.close();
          }
        });
      } catch {
        // No inspector: a permission, or a build without one.
      }
      return attached;
    },
    /** The recorder is gone. */
    drop: close,
    end() {
      ending = true;
      if (attached && !released && notify && !isGone(run)) {
        notify('');
        wait(() => released, EXIT_MS);
      }
      close();
    },
  };
}

/**
 * A profile that the thread takes of itself.
 * @param {string} directory
 * @param {() => object} stats what the agent measured of itself
 */
function ownProfile(directory, stats) {
  /** @type {inspector.Session | null} */
  let session = null;
  let begun = 0;
  let ended = 0;
  let count = 0;
  let windows = 0;
  /** How long the last window took to begin, in ms. */
  let starting = 0;

  function begin() {
    begun = Date.now();
    const before = performance.now();
    session?.post('Profiler.start');
    starting = performance.now() - before;
    windows++;
  }

  /** How long no profile is taken. @returns {number} ms */
  function pause() {
    return Math.max(Math.min(OFF_MS * 2 ** (windows - 1), MOST_OFF_MS), starting / STARTS_SHARE);
  }

  /** Write the profile that is being taken, if one is. */
  function fetch() {
    if (begun === 0) return;
    const started = begun;
    begun = 0;
    session?.post('Profiler.stop', (error, result) => {
      if (error) return;
      const now = Date.now();
      const weight = now > started ? (now - (ended || started)) / (now - started) : 1;
      ended = now;
      try {
        const file = path.join(directory, `profile.${process.pid}.${threadId}.${count++}.json`);
        fs.writeFileSync(file, JSON.stringify({ begun: started, weight, profile: result.profile, stats: stats() }));
      } catch {
        // the recorder is gone, or the disk is full
      }
    });
  }

  /** @param {number} delay ms */
  function alternate(delay) {
    setTimeout(() => {
      if (session === null) return;
      if (begun === 0) begin();
      else fetch();
      alternate(begun === 0 ? pause() : ON_MS);
    }, delay).unref();
  }

  try {
    session = new inspector.Session();
    session.connect();
    session.post('Profiler.enable');
    session.post('Profiler.setSamplingInterval', { interval: PROFILE_US });
    begin();
    alternate(FIRST_MS);
  } catch {
    session = null;
  }
  function end() {
    if (session === null) return;
    fetch();
    session.disconnect();
    session = null;
  }

  return { end, drop: end };
}
