// @ts-check
'use strict';

/** Starts the agent in this thread: globals for instrumented code, hooks, the timer that writes, the exit. */

const { performance } = require('perf_hooks');
const process = require('process');
const fs = require('fs');
const Module = require('module');
const path = require('path');
const { threadId, isMainThread } = require('worker_threads');
const { Spool } = require('./spool.js');
const { Sampling } = require('./sampling.js');
const { state } = require('./state.js');
const frames = require('./frames.js');
const decide = require('./decide.js');
const loader = require('./loader.js');
const probes = require('./probes.js');
const stacks = require('./stacks.js');
const disguise = require('./disguise.js');
const thinning = require('./thinning.js');
const ending = require('./ending.js');

const FLUSH_MS = 100;

/** @param {string} directory */
function boot(directory) {
  /** @type {{app_root: string, include?: string[], memory?: 'off'|'sampled'|'full', max_bytes?: number}} */
  let config;
  try {
    config = JSON.parse(fs.readFileSync(path.join(directory, 'config.json'), 'utf8'));
  } catch {
    return; // the recorder is gone; the application runs as without it
  }
  state.appRoot = config.app_root;
  state.include = config.include ?? [];
  state.memory = config.memory ?? 'sampled';
  thinning.bound(config.max_bytes ?? Infinity);
  state.spool = new Spool(path.join(directory, 'spool'));
  state.sampling = new Sampling(state.memory);
  state.spool.line({
    t: 'process',
    pid: process.pid,
    ppid: process.ppid,
    tid: threadId,
    worker: !isMainThread,
    argv: process.argv,
    node: process.version,
    origin: performance.timeOrigin,
    start: performance.now(),
  });
  stacks.install();
  disguise.install();
  // Written at once, because the process may be killed.
  state.spool.flush();
  probes.install();

  let stopped = false;
  const timer = setInterval(tick, FLUSH_MS);
  timer.unref();

  function tick() {
    if (stopped) return;
    state.spool.flush();
    if (decide.shouldForget()) frames.forgetPairs();
  }

  /** @param {number | undefined} code */
  function finish(code) {
    if (stopped) return;
    frames.closeAll();
    state.spool.line({ t: 'exit', end: performance.now(), code: code ?? null, lost: state.spool.lost, left: thinning.left, own: frames.ownCosts() });
    state.spool.flush();
  }

  ending.install();
  ending.onExit(finish);
  state.agent = {
    stop() {
      finish(undefined);
      stopped = true;
      clearInterval(timer);
      probes.remove();
    },
    stats: () => ({
      bytes: state.spool.bytesWritten,
      lost: state.spool.lost,
      sampled_ms: state.sampling.sampledMs,
      total_ms: state.sampling.totalMs,
      init_end_ms: state.initEnd,
      waited_ms: waited(),
    }),
  };
  const waited = loader.install(directory);
  for (const other of ['control.js', 'listen.js', 'capture.js', 'children.js']) {
    const file = path.join(__dirname, other);
    if (fs.existsSync(file)) require(file);
  }
  forgetModules();
}

/** The application must not find the agent's files among its modules. */
function forgetModules() {
  const { _cache: modules, _pathCache: paths } = /** @type {any} */ (Module);
  const mine = __dirname + path.sep;
  for (const file of Object.keys(modules)) if (file.startsWith(mine)) delete modules[file];
  for (const key of Object.keys(paths ?? {})) if (paths[key].startsWith?.(mine)) delete paths[key];
}

module.exports = { boot };
