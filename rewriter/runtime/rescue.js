// @ts-check
/**
 * Of the entry: an error of the runtime that the application lets go, as `async (req, res) => …` of Express 4 does, costs
 * its request an answer with status 500 or 503. It never ends the process, and goes to none of the application's handlers.
 */
'use strict';

const { AsyncLocalStorage } = require('node:async_hooks');
const http = require('node:http');
const { isOwn } = require('./errors.js');
const violations = require('./violations.js');

/** @typedef {import('node:http').ServerResponse} Response */
/** @typedef {import('./errors.js').PipetraceViolation | import('./errors.js').PipetraceUnavailable} OwnError */

const FEW = 64;
/**
 * Whose request code belongs to. Before Node 24 it costs every promise a little, so it begins with the first error there,
 * unless it was asked for: of several open requests the first error's is not known then.
 * @type {AsyncLocalStorage<Response>}
 */
const requests = new AsyncLocalStorage();
let following = process.env.PIPETRACE_FOLLOW === '1' || Number.parseInt(process.versions.node, 10) >= 24;
/** Responses that may not be over yet. @type {Set<Response>} */
const open = new Set();
let limit = FEW;
/** Whose request an error of a stage belongs to. @type {WeakMap<object, Response>} */
const responses = new WeakMap();
/** By request, while requests are followed. @type {WeakMap<object, Response>} */
const answers = new WeakMap();

/** @param {Response} response @returns {boolean} */
function isOver(response) {
  return response.writableEnded || response.destroyed || (response.socket !== null && response.socket.destroyed);
}

/** Forgets what is over. */
function prune() {
  for (const response of open) if (isOver(response)) open.delete(response);
  limit = Math.max(FEW, 2 * open.size);
}

/**
 * @param {Response} response gets the error as its answer, or ends if its head has been sent @param {OwnError} error
 */
function answer(response, error) {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  response.statusCode = error.status;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.end(`${http.STATUS_CODES[error.status]}\n`);
}

/** @param {unknown} error that a stage could not give to anybody @param {Response | undefined} response of its call */
function belongsTo(error, response) {
  if (isOwn(error) && response) responses.set(error, response);
}

/** @param {OwnError} error that nobody has caught */
function rescue(error) {
  prune();
  let response = responses.get(error) || requests.getStore();
  // Until requests are followed, only the single one that is open is known to be meant.
  if (!response && !following && open.size === 1) [response] = open;
  following = true;
  if (response && !isOver(response)) answer(response, error);
  violations.note(`the application did not catch: ${error.message}`);
}

/** @param {any} prototype of emitters @param {(emitter: object) => Response | undefined} responseOf */
function followEvents(prototype, responseOf) {
  const { emit } = prototype;
  const follow = /** @this {any} @param {any[]} args */ function (...args) {
    const response = following ? responseOf(this) : undefined;
    return response ? requests.run(response, () => Reflect.apply(emit, this, args)) : Reflect.apply(emit, this, args);
  };
  Object.defineProperty(prototype, 'emit', { value: follow, writable: true, enumerable: false, configurable: true });
}

/** Watches for such errors. */
function watchErrors() {
  const { emit } = process;
  process.emit = /** @type {any} */ (/** @this {any} @param {any[]} args */ function (...args) {
    const [event, error] = args;
    if ((event === 'unhandledRejection' || event === 'uncaughtException') && isOwn(error)) {
      rescue(error);
      return true;
    }
    return Reflect.apply(emit, this, args);
  });
  // The events of a request and of its answer come from the connection, which knows nothing of either.
  followEvents(http.IncomingMessage.prototype, (/** @type {any} */ request) => answers.get(request));
  followEvents(http.ServerResponse.prototype, (/** @type {any} */ response) => (response.req && answers.get(response.req) === response ? response : undefined));
  const serverEmit = http.Server.prototype.emit;
  http.Server.prototype.emit = /** @type {any} */ (/** @this {any} @param {any[]} args */ function (...args) {
    if (args[0] !== 'request' || !(args[2] instanceof http.ServerResponse)) return Reflect.apply(serverEmit, this, args);
    open.add(args[2]);
    if (open.size > limit) prune();
    if (following) answers.set(args[1], args[2]);
    return following ? requests.run(args[2], () => Reflect.apply(serverEmit, this, args)) : Reflect.apply(serverEmit, this, args);
  });
}

module.exports = { belongsTo, watchErrors, answer };
