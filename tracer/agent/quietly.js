// @ts-check
'use strict';

/**
 * Keeps what Node says about its inspector out of the application's stderr.
 *
 * Node prints "Debugger listening" and "Debugger attached." by itself, from other threads, whatever the options. While
 * a function runs, file descriptor 2 means /dev/null, if it can be opened again faithfully afterwards: a terminal or a
 * pipe can (Linux). A file cannot (its position is shared with others), and neither can a socket.
 */

const fs = require('fs');

/**
 * @param {() => void} action runs before the application's first line, if it can run unheard
 * @returns {boolean} whether it ran
 */
function quietly(action) {
  const kept = duplicate();
  if (kept < 0) return false;
  fs.closeSync(2);
  const nothing = fs.openSync('/dev/null', 'w');
  try {
    action();
  } finally {
    if (nothing === 2) {
      fs.closeSync(2);
      fs.openSync(`/proc/self/fd/${kept}`, 'a');
    }
    fs.closeSync(kept);
  }
  return true;
}

/** A second descriptor of stderr; -1 where there is none to be had. */
function duplicate() {
  if (process.platform !== 'linux') return -1;
  const { O_WRONLY, O_APPEND, O_NONBLOCK } = fs.constants;
  try {
    const stat = status(2);
    if (!stat.isFIFO() && !stat.isCharacterDevice()) return -1;
    status(0);
    status(1); // descriptors 0 and 1 must be taken for 2 to be the lowest free one
    // Fails at once where nobody reads; blocks never.
    fs.closeSync(fs.openSync('/proc/self/fd/2', O_WRONLY | O_APPEND | O_NONBLOCK));
    return fs.openSync('/proc/self/fd/2', O_WRONLY | O_APPEND);
  } catch {
    return -1;
  }
}

/**
 * As BigInts: Node's `realpathSync` looks at the last status that was asked for in plain numbers when it comes upon a
 * directory that it knows, and takes it for that directory's. With that of a pipe it would leave symbolic links as they are.
 * @param {number} descriptor
 */
function status(descriptor) {
  return fs.fstatSync(descriptor, { bigint: true });
}

module.exports = { quietly };
