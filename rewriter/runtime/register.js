// @ts-check
/** Loaded with --require before the program: finds out what this process or thread is, and makes it that. */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const threads = require('node:worker_threads');
const { context } = require('./context.js');
const { errors } = require('./errors.js');
const { loadPlan } = require('./plan.js');
const threadTransport = require('./transport/threads.js');

/** @param {string} a @param {string} b @returns {boolean} */
function sameFile(a, b) {
  try {
    return fs.realpathSync(require.resolve(path.resolve(a))) === fs.realpathSync(b);
  } catch {
    return false;
  }
}

/** Loads what only a stage or the entry needs. */
function prepare() {
  require('./references.js').install();
  if (context.plan) {
    require('./relocate.js').relocate(context.plan.original);
    require('./loading.js').install(context.root, context.plan.guarded);
  }
  require('./streams.js');
  require('./http/request.js');
  require('./http/response.js');
  const stop = require('./symbols.js').watchSymbols();
  setImmediate(stop).unref();
  const { metrics, prometheus } = require('./metrics.js');
  Object.defineProperty(globalThis, Symbol.for('pipetrace.runtime'), {
    value: Object.freeze({ metrics, prometheus }), configurable: true, enumerable: false,
  });
}

/** @param {import('./plan.js').Plan} plan @param {import('./transport/threads.js').Description} description */
function becomeThread(plan, description) {
  context.role = 'stage';
  context.plan = plan;
  context.stage = description.stage;
  context.ownsState = plan.ownsState(description.stage);
  context.replica = description.replica;
  prepare();
  require('./upstream.js').become((onBatch) => threadTransport.connect(description, onBatch), { thread: true, ...description });
}

/** @param {import('./plan.js').Plan} plan @param {string} entryFile */
function becomeProcess(plan, entryFile) {
  const transport = process.env.PIPETRACE_TRANSPORT || 'threads';
  const stage = process.env.PIPETRACE_STAGE || 'entry';
  const nats = /^(nats|tls|ws|wss):\/\//.test(transport);
  if (!nats && transport !== 'threads') throw errors.badTransport(transport);
  context.plan = plan;
  const env = { ...process.env };
  if (stage === 'entry') {
    context.role = 'entry';
    prepare();
    require('./entry.js').become(nats
      ? () => require('./transport/nats.js').entryTransport(transport)
      : (entry, pristine) => ({ start: (options, events) => threadTransport.start({ ...options, entry, env: pristine }, events) }),
    entryFile, env);
    return;
  }
  if (!plan.stages.has(stage)) throw errors.unknownStage(stage, [...plan.stages.keys()].join(', '));
  if (!nats) throw errors.badTransport(transport);
  context.role = 'stage';
  context.stage = stage;
  context.ownsState = plan.ownsState(stage);
  prepare();
  require('./transport/nats.js').becomeStage(transport);
}

function main() {
  const description = threads.isMainThread ? null : threads.workerData && threads.workerData[threadTransport.KEY];
  // A thread that the application started itself, and its children, run what they are given.
  if (!threads.isMainThread && !description) return;
  const plan = loadPlan(context.root);
  if (!plan || plan.moved.size === 0) return;
  const entryFile = path.resolve(context.root, plan.entry);
  if (description) becomeThread(plan, description);
  else if (process.argv[1] && sameFile(process.argv[1], entryFile)) becomeProcess(plan, entryFile);
}

main();
