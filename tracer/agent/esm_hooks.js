// @ts-check
'use strict';

/** The load hook of Node 20, which runs in a thread of its own. */

const { state } = require('./state.js');
const { Channel } = require('./channel.js');
const { instrumentModule } = require('./loader.js');

/** @type {Channel | null} */
let channel = null;
/** Where the main thread gets the texts from. @type {import('worker_threads').MessagePort | null} */
let port = null;

/** Modules that are being loaded; this hook is in the chain once more for all that were registered after it. @type {Set<string>} */
const loading = new Set();

/** @param {{directory: string, appRoot: string, include: string[], port: import('worker_threads').MessagePort} | undefined} data */
exports.initialize = async function initialize(data) {
  if (data === undefined) return;
  state.appRoot = data.appRoot;
  state.include = data.include;
  channel = new Channel(data.directory);
  port = data.port;
  port.unref();
};

/** @param {string} file @param {string} original @param {string} code @param {string} spans */
function keep(file, original, code, spans) {
  port?.postMessage([file, original, code, spans]);
}

/** @param {string} url @param {object} context @param {Function} next */
exports.load = async function load(url, context, next) {
  const module = url.replace(/[?#].*$/, '');
  if (channel === null || !url.startsWith('file:') || loading.has(module)) return next(url, context);
  loading.add(module);
  try {
    return instrumentModule(channel, url, await next(url, context), keep);
  } finally {
    loading.delete(module);
  }
};
