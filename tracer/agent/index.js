// @ts-check
'use strict';

/**
 * The agent: loaded before the first module of every process and thread of a recorded application.
 *
 * The environment variable PIPETRACE_DIR names the recorder's run directory. Without it, or where the
 * agent already runs, loading this file does nothing.
 */

const directory = process.env.PIPETRACE_DIR;
if (directory && !runs() && process.env.PIPETRACE_HOOKS_THREAD !== '1') {
  require('./boot.js').boot(directory);
}

function runs() {
  return require('vm').runInThisContext('typeof $pxE') === 'function';
}
