// @ts-check
'use strict';

/**
 * Tells a call that application code makes from a call that a library makes while application code waits
 * below it on the stack: only the latter starts a nested invocation.
 *
 * A callback that is called during the call it was handed to is no handler. Three signs show it: a function that
 * its closure was made in is still on the stack (lazy sequences call theirs later, but no later than that), the
 * running call into the library was given that very function, or the caller's text hands it to a call. Else a short
 * stack trace shows who called. The answer is kept for the pair (callee, caller), and looked at again a few times.
 */

const path = require('path');
const { state } = require('./state.js');
const { withRawStacks } = require('./stacks.js');

const DEPTH = 24;
const LOOKS = 3;
const AGENT = __dirname + path.sep;

/** @typedef {{nested: boolean, looks: number, sure: boolean}} Pair */

/** @type {Map<number, Pair>} */
const pairs = new Map();
// Pairs that are looked at no more, in a direct-mapped cache: keys of the map are too large to be found fast.
const SETTLED = 1 << 11;
const settledCallee = new Int32Array(SETTLED).fill(-1);
const settledCaller = new Int32Array(SETTLED).fill(-1);
const settledNested = new Uint8Array(SETTLED);

/** Function ids handed to the call into a library that runs now, innermost last. @type {{at: number, ids: number[]}[]} */
const libraryCalls = [];

let forgetting = 0;

/**
 * @param {number} id callee
 * @param {number} top caller on the shadow stack
 * @param {Int32Array} ids shadow stack
 * @param {number} at its height
 * @returns {boolean}
 */
function isNested(id, top, ids, at) {
  const slot = (Math.imul(id, 0x9e3779b1) ^ top) & (SETTLED - 1);
  if (settledCallee[slot] === id && settledCaller[slot] === top) return settledNested[slot] === 1;
  const key = id * 0x1000000 + top;
  const known = pairs.get(key);
  if (known !== undefined && (known.looks >= LOOKS || known.sure)) {
    settledCallee[slot] = id;
    settledCaller[slot] = top;
    settledNested[slot] = known.nested ? 1 : 0;
    return known.nested;
  }
  const handed = libraryCalls.length > 0 && libraryCalls[libraryCalls.length - 1].at === at
    && libraryCalls[libraryCalls.length - 1].ids.includes(id);
  const nested = !handed && !madeOnStack(id, ids, at) && !state.passes.has(top * 0x1000000 + id) && calledByLibrary();
  if (known === undefined) {
    pairs.set(key, { nested, looks: 1, sure: handed });
  } else {
    // Once seen as a callback of the running call, it stays one.
    known.nested = known.nested && nested;
    known.looks++;
    known.sure = handed;
  }
  return nested;
}

/** @param {number} id @param {Int32Array} ids @param {number} at */
function madeOnStack(id, ids, at) {
  const lowest = Math.max(0, at - 64);
  for (let maker = parentOf(id), direct = true; maker >= 0; maker = parentOf(maker), direct = false) {
    // A module is on the stack while it loads, which says something only of the functions that it makes itself.
    if (!direct && parentOf(maker) < 0) return false;
    for (let index = at - 1; index >= lowest; index--) {
      if (ids[index] === maker) return true;
    }
  }
  return false;
}

/** The lexically enclosing function; -1 for none. @param {number} id */
function parentOf(id) {
  return state.parents[id] ?? -1;
}

/** Whether a property can be set; an application may have frozen what the language gave it. @param {object} object @param {string} key */
function isWritable(object, key) {
  const descriptor = Object.getOwnPropertyDescriptor(object, key);
  return descriptor === undefined ? Object.isExtensible(object) : descriptor.writable === true || descriptor.set !== undefined;
}

/** @returns {boolean} */
function calledByLibrary() {
  if (!isWritable(Error, 'stackTraceLimit') || !isWritable(Error, 'prepareStackTrace')) return false;
  const { stackTraceLimit, prepareStackTrace } = Error;
  /** @type {(string | null)[]} */
  let files = [];
  Error.stackTraceLimit = DEPTH;
  Error.prepareStackTrace = (_error, sites) => {
    files = sites.map((site) => (site.isNative() ? null : site.getFileName() ?? null));
    return '';
  };
  try {
    withRawStacks(() => new Error().stack);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    Error.prepareStackTrace = prepareStackTrace;
  }
  let callee = true;
  for (const file of files) {
    if (!file || file.startsWith(AGENT)) continue;
    if (callee) callee = false;
    else return !isApplication(file);
  }
  return false;
}

/** @type {Map<string, boolean>} */
const files = new Map();

/**
 * Whether a file belongs to the application: below its root or an included directory, and in no `node_modules` below
 * that.
 * @param {string} file absolute path or file: URL
 */
function isApplication(file) {
  let answer = files.get(file);
  if (answer === undefined) {
    const absolute = file.startsWith('file:') ? require('url').fileURLToPath(file) : file;
    answer = path.isAbsolute(absolute) && [state.appRoot, ...state.include].some((root) => isOwn(root, absolute));
    files.set(file, answer);
  }
  return answer;
}

/** @param {string} root @param {string} file */
function isOwn(root, file) {
  const below = path.relative(root, file);
  return below !== '' && !below.startsWith('..') && !path.isAbsolute(below) && !below.split(path.sep).includes('node_modules');
}

/** @param {number} at height of the shadow stack @param {number[]} ids functions handed over */
function beginLibraryCall(at, ids) {
  libraryCalls.push({ at, ids });
}

function endLibraryCall() {
  libraryCalls.pop();
}

/** Called now and then; true when the cache of plain pairs should be emptied, so that pairs are looked at again. */
function shouldForget() {
  forgetting++;
  return forgetting % 50 === 0 && forgetting < 500;
}

module.exports = { isNested, isApplication, isWritable, beginLibraryCall, endLibraryCall, shouldForget };
