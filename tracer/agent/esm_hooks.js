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

/** @param {{directory: string, appRoot: string, include: string[], port: import('worker_threads').MessagePort}} data */
exports.initialize = async function initialize(data) {
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
  const loaded = await next(url, context);
  return channel !== null && url.startsWith('file:') ? instrumentModule(channel, url, loaded, keep) : loaded;
};
