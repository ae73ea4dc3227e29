// @ts-check
'use strict';

// Runs an application with its hot functions moved to a piscina pool, as by-hand-edits.js says:
// node --require by-hand.js app.js. PIPETRACE_PISCINA names the installed package, PIPETRACE_POOL_THREADS the size.
// The same file is the pool's worker: there it loads the module and runs the functions.

const Module = require('node:module');
const { isMainThread, workerData } = require('node:worker_threads');

/** @type {Record<string, import('./by-hand-edits.js').FileEdits>} */
const allEdits = require('./by-hand-edits.js');

/** @type {any} */
const prototype = Module.prototype;
const compile = prototype._compile;

/** @param {string} filename */
function editsOf(filename) {
  const posix = filename.replace(/\\/g, '/');
  const key = Object.keys(allEdits).find((suffix) => posix.endsWith(`/${suffix}`));
  return key ? allEdits[key] : undefined;
}

/** @param {(text: string, filename: string, edits: import('./by-hand-edits.js').FileEdits) => string} change */
function hook(change) {
  prototype._compile = /** @this {any} @param {string} text @param {string} filename @param {...any} rest */ function (
    text, filename, ...rest
  ) {
    const edits = editsOf(filename);
    return compile.call(this, edits ? change(text, filename, edits) : text, filename, ...rest);
  };
}

if (isMainThread) {
  const { Piscina } = require(/** @type {string} */ (process.env.PIPETRACE_PISCINA));
  const threads = Number(process.env.PIPETRACE_POOL_THREADS) || 2;
  hook((text, filename, { edits }) => {
    let edited = text;
    for (const [from, to] of edits) {
      if (edited.split(from).length !== 2) throw new Error(`${filename} has changed: cannot find ${JSON.stringify(from)} once`);
      edited = edited.replace(from, () => to);
    }
    const pool = new Piscina({
      filename: __filename, workerData: { file: filename }, execArgv: [], minThreads: threads, maxThreads: threads,
    });
    const key = `onPool ${filename}`;
    /** @type {any} */ (globalThis)[key] = (/** @type {string} */ name, /** @type {any[]} */ ...args) => pool.run({ name, args });
    return edited.replace(/^((?:'use strict';?\n)?)/, (start) => `${start}const onPool = globalThis[${JSON.stringify(key)}];`);
  });
} else if (workerData) {
  // In the pool: the unedited module, with its functions put where they can be called.
  const file = (Array.isArray(workerData) ? workerData[1] : workerData).file;
  hook((text, filename, { tasks }) => {
    if (filename !== file) return text;
    const list = Object.entries(tasks).map(([name, source]) => `${name}: ${source}`);
    return `${text}\nmodule.exports.tasksByHand = { ${list.join(', ')} };`;
  });
  const { tasksByHand } = require(file);
  module.exports = (/** @type {{name: string, args: any[]}} */ { name, args }) => tasksByHand[name](...args);
}
