// @ts-check
/** The load hook of Node 20, which runs in a thread of its own. */
'use strict';

const { guarded } = require('./loading.js');

/** @type {Map<string, import('./guarded-texts.js').Text>} */
let texts = new Map();

/** @param {{texts: [string, import('./guarded-texts.js').Text][]}} data */
exports.initialize = async function initialize(data) {
  texts = new Map(data.texts);
};

/** @param {string} url @param {object} context @param {Function} next */
exports.load = async function load(url, context, next) {
  return guarded(texts, url, await next(url, context));
};
