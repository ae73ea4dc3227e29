// @ts-check
'use strict';

/** Whether the recorder still lives: it holds one end of a pipe, which the system closes however it ends. */

const fs = require('fs');
const path = require('path');

const { O_NONBLOCK, O_WRONLY } = fs.constants;

/** @param {string} run the recorder's directory @returns {boolean} false also where the directory has no such pipe */
function isGone(run) {
  try {
    fs.closeSync(fs.openSync(path.join(run, 'alive'), O_WRONLY | O_NONBLOCK));
    return false;
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    return code === 'ENXIO' || (code === 'ENOENT' && !fs.existsSync(run));
  }
}

module.exports = { isGone };
