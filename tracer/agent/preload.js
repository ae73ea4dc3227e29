// @ts-check
'use strict';

/**
 * Loaded by every process and thread below a recorded command; decides which of them is the application.
 *
 * The application is the package of the first entry script that is not a launcher (npm and its kind, named by
 * the recorder). An entry below `node_modules` gives way to one that it starts itself: to one outside of
 * `node_modules`, or, while nothing listens yet, to any of another package; so that wrappers are not taken for
 * the application. Each candidate records into a directory `app.<k>` of its own; the recorder keeps one.
 */

const fs = require('fs');
const path = require('path');
const { isMainThread } = require('worker_threads');
const { isGone } = require('./recorder.js');

const CANDIDATES = 4;

/** @typedef {{app_root: string, entry: string, below: boolean, pid: number}} Claim */

const run = process.env.PIPETRACE_RUN;
if (run) {
  try {
    begin(run);
  } catch (error) {
    note(run, { event: 'failed', text: error instanceof Error ? error.message : String(error) });
  }
}

/** @param {string} run the recorder's directory */
function begin(run) {
  if (!isMainThread) {
    if (process.env.PIPETRACE_DIR) require('./index.js');
    return;
  }
  if (Number(process.versions.node.split('.')[0]) < 20) {
    note(run, { event: 'old', version: process.version });
    return;
  }
  if (isGone(run)) return;
  const inherited = process.env.PIPETRACE_DIR;
  const options = JSON.parse(fs.readFileSync(path.join(run, 'run.json'), 'utf8'));
  const entry = entryScript();
  if (entry === '') return;
  if (options.launchers.some((/** @type {string} */ prefix) => within(prefix, entry))) {
    note(run, { event: 'launcher', entry });
    return;
  }
  const root = options.app_root || packageOf(entry);
  /** @type {Claim} */
  const mine = { app_root: root, entry, below: entry.split(path.sep).includes('node_modules'), pid: process.pid };
  const place = join(run, mine, options, inherited !== undefined);
  process.env.PIPETRACE_DIR = place.directory;
  note(run, {
    event: 'process',
    directory: path.basename(place.directory),
    claimed: place.claimed,
    entry,
    app_root: root,
    cwd: process.cwd(),
    argv: process.argv,
    exec_argv: process.execArgv,
    node: process.execPath,
    version: process.version,
  });
  require('./index.js');
}

/** The script that this process runs; '' when it runs none (a REPL, `-e`). */
function entryScript() {
  const script = process.argv[1];
  const inline = process.execArgv.some((word) => /^(-e|-p|-pe|--eval|--print|-i|--interactive|-c|--check)$/.test(word));
  if (!script || inline) return '';
  let file = path.resolve(script);
  try {
    file = require.resolve(file);
  } catch {
    // Node itself will say that it is missing.
  }
  try {
    return fs.realpathSync(file);
  } catch {
    return '';
  }
}

/**
 * Directory of the nearest package.json that names a package; of the nearest one at all; else of the script.
 * @param {string} entry
 */
function packageOf(entry) {
  let nearest = '';
  for (let directory = path.dirname(entry); ; directory = path.dirname(directory)) {
    if (path.basename(directory) === 'node_modules') break;
    try {
      const text = fs.readFileSync(path.join(directory, 'package.json'), 'utf8');
      nearest = nearest || directory;
      if (JSON.parse(text).name) return directory;
    } catch {
      // none here, or one that npm would refuse: look further up
    }
    if (directory === path.dirname(directory)) break;
  }
  return nearest || path.dirname(entry);
}

/**
 * Join the application's directory, or claim one.
 * @param {string} run @param {Claim} mine @param {object} options @param {boolean} descendant of a claimed process
 * @returns {{directory: string, claimed: boolean}}
 */
function join(run, mine, options, descendant) {
  let last = '';
  for (let number = 0; number < CANDIDATES; number++) {
    const directory = path.join(run, `app.${number}`);
    let claim = readClaim(directory);
    if (claim === null) {
      if (writeClaim(directory, { ...options, ...mine })) return { directory, claimed: true };
      claim = readClaim(directory);
      if (claim === null) break;
    }
    last = directory;
    const yields = descendant && claim.below && (!mine.below || !somethingListens(run));
    if (claim.app_root === mine.app_root || (!yields && readClaim(path.join(run, `app.${number + 1}`)) === null)) {
      return { directory, claimed: false };
    }
  }
  return { directory: last, claimed: false };
}

/** @param {string} directory @returns {Claim | null} */
function readClaim(directory) {
  try {
    return JSON.parse(fs.readFileSync(path.join(directory, 'config.json'), 'utf8'));
  } catch {
    return null;
  }
}

/** @param {string} directory @param {object} claim @returns {boolean} false when another process was faster */
function writeClaim(directory, claim) {
  const draft = path.join(directory, `config.${process.pid}`);
  fs.writeFileSync(draft, JSON.stringify(claim));
  try {
    fs.linkSync(draft, path.join(directory, 'config.json'));
    return true;
  } catch {
    return false;
  } finally {
    fs.unlinkSync(draft);
  }
}

/**
 * Whether a process listens on a port; local sockets do not count, because wrappers talk over them.
 * @param {string} run
 */
function somethingListens(run) {
  try {
    const lines = fs.readFileSync(path.join(run, 'listening.jsonl'), 'utf8').split('\n').slice(0, -1);
    return lines.some((line) => JSON.parse(line).port > 0);
  } catch {
    return false;
  }
}

/** @param {string} directory @param {string} file */
function within(directory, file) {
  return file.startsWith(directory + path.sep);
}

/** @param {string} run @param {object} event */
function note(run, event) {
  const line = JSON.stringify({ ...event, pid: process.pid, ppid: process.ppid });
  try {
    fs.appendFileSync(path.join(run, 'events.jsonl'), line + '\n');
  } catch {
    // the recorder is gone
  }
}
