// @ts-check
/** The texts that Node is given in the place of the application's files: the same, with guards. */
'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { errors } = require('./errors.js');

/** @typedef {{place: string, sha256: string}} Text where the text is, and the hash of the file that it belongs to */

/**
 * @param {string} root the staged directory
 * @param {{path: string, sha256: string}[]} files that have guards
 * @returns {Map<string, Text>} by absolute path, as Node names it
 */
function textsOf(root, files) {
  /** @type {Map<string, Text>} */
  const found = new Map();
  for (const { path: name, sha256 } of files) {
    const file = path.join(root, name);
    const text = { place: path.join(root, '.pipetrace', 'loaded', name), sha256 };
    found.set(file, text);
    try {
      found.set(fs.realpathSync(file), text);
    } catch {
      // Who loads a file that is gone is told so by Node.
    }
  }
  return found;
}

/**
 * @param {Text} text @param {string} file @param {string} content what was read from it
 * @returns {string} what to load instead
 * @throws {Error} one sentence, if the guards do not belong to that content
 */
function textFor({ place, sha256 }, file, content) {
  let text;
  try {
    text = fs.readFileSync(place, 'utf8');
  } catch (error) {
    throw errors.badText(file, error instanceof Error ? error.message : String(error));
  }
  // Node may have asked by another way already.
  if (content === text) return text;
  if (createHash('sha256').update(content).digest('hex') !== sha256) throw errors.badText(file, 'it has been changed since it was rewritten');
  return text;
}

module.exports = { textsOf, textFor };
