// @ts-check
'use strict';

/** The load hook of Node 20, which runs in a thread of its own. */

const { state } = require('./state.js');
const { Channel } = require('./channel.js');
const { instrumentModule } = require('./loader.js');

/** @type {Channel | null} */
let channel = null;

/** @param {{directory: string, appRoot: string}} data */
exports.initialize = async function initialize(data) {
  state.appRoot = data.appRoot;
  channel = new Channel(data.directory);
};

/** @param {string} url @param {object} context @param {Function} next */
exports.load = async function load(url, context, next) {
  const loaded = await next(url, context);
  return channel !== null && url.startsWith('file:') ? instrumentModule(channel, url, loaded) : loaded;
};
