// @ts-check
'use strict';

/** What the parts of the agent share within one thread: configuration, spool, and the running invocation. */

const { Spool } = require('./spool.js');
const { Sampling } = require('./sampling.js');

/**
 * What the head of an instrumented file tells about it.
 * @typedef {object} FileTable
 * @property {number} id
 * @property {number} base function id of the module itself
 * @property {string} path relative to the application
 * @property {number[]} parents index of the enclosing function, by index; -1 for the module
 * @property {[string, number, number][]} variables name, declaration line, declaring function
 * @property {[number, string, number?][]} sites line and callee text of calls, and the line that people read if it is another
 * @property {[[string, string][], any[]]} links names of other modules that it reads; variables that it exports, by name
 * @property {[string, () => unknown][]} imports of packages: the package, and what reads the value
 * @property {Record<string, () => unknown>} roots reads module-level variables
 */

const state = {
  /** @type {'off'|'sampled'|'full'} */
  memory: 'sampled',
  appRoot: '',
  /** Directories of dependencies that count as the application's. @type {string[]} */
  include: [],
  /** @type {Spool} */
  spool: new Spool(''),
  sampling: new Sampling('off'),
  /** The invocation that runs now. @type {import('./frames.js').Frame | null} */
  frame: null,
  /** What the recorder's control may ask of the agent. @type {{stop: () => void, stats: () => object} | null} */
  agent: null,
  /** True until the main module is evaluated. */
  inInit: true,
  /** End of initialisation in ms since the time origin; 0 while it lasts. */
  initEnd: 0,
  /** @type {FileTable[]} */
  files: [],
  /** Id of the lexically enclosing function, by function id. @type {Int32Array} */
  parents: new Int32Array(1024).fill(-1),
  /** `caller * 2^24 + callee` where the caller's text hands the callee to some call. @type {Set<number>} */
  passes: new Set(),
};

/**
 * @param {string} kind
 * @param {number} file id, or -1
 * @param {number} line
 * @param {string} text
 */
function problem(kind, file, line, text) {
  state.spool.line({ t: 'p', k: kind, f: file, l: line, x: text });
}

module.exports = { state, problem };
