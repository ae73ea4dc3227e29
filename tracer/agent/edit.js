// @ts-check
'use strict';

/**
 * Live edits of the running application, made from inside: at an empty stack, so that no function is running.
 *
 * The debugger domain, which makes every `await` dearer, is on only while an edit is made. The texts that were
 * found are kept, so that the agent can put them back when its recorder is gone.
 */

const inspector = require('inspector');
const { performance } = require('perf_hooks');

const major = Number(process.versions.node.split('.')[0]);
/** Since this major version live edits are behind a flag of the engine. */
const FLAG_SINCE = 26;
const flagged = major >= FLAG_SINCE;

/** Since this major version the engine has a second optimising compiler, whose code of edited functions can crash. */
const MAGLEV_SINCE = 22;

/**
 * While texts are edited and stay edited, functions are left to the other compilers.
 * @param {boolean} edited
 */
function compileFor(edited) {
  if (major < MAGLEV_SINCE || process.execArgv.includes('--no-maglev')) return;
  require('v8').setFlagsFromString(edited ? '--no-maglev' : '--maglev');
}

/** Script id → text that was found. @type {Map<string, string>} */
const originals = new Map();

/**
 * @typedef {object} Edited
 * @property {string} status as the engine says it; 'Ok' is success
 * @property {number} seconds that the edit took
 * @property {boolean} same the engine has the very text now
 */

/**
 * @param {string} script id of a script
 * @param {string} text
 * @returns {Promise<Edited>}
 */
function edit(script, text) {
  return new Promise((resolve) => {
    setImmediate(() => resolve(editNow(script, text)));
  });
}

/** @param {string} script @param {string} text @returns {Edited} */
function editNow(script, text) {
  const begun = performance.now();
  const session = new inspector.Session();
  let status = 'NotAvailable';
  let source = '';
  session.connect();
  try {
    if (flagged) require('v8').setFlagsFromString('--inspector-live-edit');
    session.post('Debugger.enable');
    session.post('Debugger.getScriptSource', { scriptId: script }, (error, found) => {
      if (!error) source = found.scriptSource;
    });
    if (!originals.has(script)) originals.set(script, source);
    session.post('Debugger.setScriptSource', { scriptId: script, scriptSource: text }, (error, answer) => {
      if (!error) status = /** @type {any} */ (answer).status ?? 'Ok';
    });
    session.post('Debugger.getScriptSource', { scriptId: script }, (error, found) => {
      if (!error) source = found.scriptSource;
    });
    session.post('Debugger.disable');
  } finally {
    if (flagged) require('v8').setFlagsFromString('--no-inspector-live-edit');
    session.disconnect();
  }
  return { status, seconds: (performance.now() - begun) / 1000, same: source === text };
}

/** Put all texts back that can be; answers whether nothing of any edit is left. */
function restore() {
  for (const [script, text] of [...originals]) {
    const { same } = editNow(script, text);
    if (same) originals.delete(script);
  }
  return originals.size === 0;
}

module.exports = { compileFor, edit, restore };
