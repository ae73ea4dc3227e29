// @ts-check
'use strict';

/**
 * Records child processes that the application starts with an environment of its own: those that run node get back the
 * variables by which every process below a recorded command finds the recorder.
 *
 * Other programs get the environment that the application gave them.
 */

const process = require('process');
const path = require('path');
const childProcess = require('child_process');
const { matches } = require('./patterns.js');

const OURS = ['PIPETRACE_RUN', 'PIPETRACE_DIR', 'PIPETRACE_LISTEN_FILE'];

const run = process.env.PIPETRACE_RUN;
const prototype = /** @type {any} */ (childProcess.ChildProcess).prototype;
if (run && typeof prototype.spawn === 'function') watch();

function watch() {
  const original = prototype.spawn;
  const { spawn } = {
    /** @this {any} @param {any} given file, args, envPairs, as child_process has completed them */
    spawn(given) {
      if (Array.isArray(given?.envPairs) && runsNode(given.file) && !given.envPairs.some(isRun)) {
        return original.call(this, { ...given, envPairs: completed(given.envPairs) });
      }
      return original.call(this, given);
    },
  };
  prototype.spawn = spawn;
}

/** @param {unknown} file */
function runsNode(file) {
  return typeof file === 'string' && (file === process.execPath || matches(/^node(js)?$/, path.basename(file)));
}

/** @param {string} pair */
function isRun(pair) {
  return pair.startsWith('PIPETRACE_RUN=');
}

/** @param {string[]} pairs */
function completed(pairs) {
  const own = pairs.find((pair) => pair.startsWith('NODE_OPTIONS='))?.slice('NODE_OPTIONS='.length);
  const added = OURS.filter((name) => process.env[name] !== undefined).map((name) => `${name}=${process.env[name]}`);
  const preload = path.join(__dirname, 'preload.js').replace(/["\\]/g, '\\$&');
  const all = `${own ? own + ' ' : ''}--require "${preload}"`;
  return [...pairs.filter((pair) => !pair.startsWith('NODE_OPTIONS=')), ...added, `NODE_OPTIONS=${all}`];
}
