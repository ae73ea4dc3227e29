// @ts-check
/**
 * The staged application is a copy in another directory. Where a program finds one of its files by an absolute path, in a
 * configuration for instance, it would get the original, which knows of no stages: it gets the copy instead.
 */
'use strict';

const fs = require('node:fs');
const { Module } = require('node:module');
const path = require('node:path');
const { context } = require('./context.js');

/** @param {string} folder @returns {string} */
function real(folder) {
  try {
    return fs.realpathSync(folder);
  } catch {
    return path.resolve(folder);
  }
}

/** @param {string | undefined} original directory of the application that was recorded */
function relocate(original) {
  if (!original) return;
  const from = real(original);
  const to = real(context.root);
  if (from === to) return;
  /** @type {any} */
  const loader = Module;
  const resolve = loader._resolveFilename;
  loader._resolveFilename = /** @this {any} @param {any[]} args @returns {string} */ function (...args) {
    const found = Reflect.apply(resolve, this, args);
    if (typeof found !== 'string' || !found.startsWith(from + path.sep)) return found;
    const rest = path.relative(from, found);
    if (found.startsWith(to + path.sep) || rest.split(path.sep).includes('node_modules')) return found;
    const copy = path.join(to, rest);
    return fs.existsSync(copy) ? copy : found;
  };
}

module.exports = { relocate };
