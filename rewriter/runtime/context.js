// @ts-check
/** What this process or thread is: its role, its stage, its plan. One object that all modules share. */
'use strict';

const { AsyncLocalStorage } = require('node:async_hooks');
const path = require('node:path');

/**
 * Role: 'local' runs every handler where it is called (no plan, a child process, a worker of the application);
 * 'entry' owns the outside sources and dispatches; 'stage' runs moved handlers.
 * @typedef {'local' | 'entry' | 'stage'} Role
 */

const context = {
  /** @type {Role} */
  role: 'local',
  stage: 'entry',
  /** The stage has state of its own. */
  ownsState: false,
  /** Number of this replica within its stage. */
  replica: 0,
  /** The staged directory. */
  root: process.env.PIPETRACE_STAGED || path.resolve(__dirname, '..', '..', '..'),
  /** @type {import('./plan.js').Plan | null} */
  plan: null,
  /** True once the main module has been evaluated and one macrotask has passed. */
  initOver: false,
  /** Of the entry: true once something from outside has come, so that other stages do no longer what this one does. */
  startOver: false,
  /** Of a stage: the link to the entry. @type {import('./peer.js').Peer | null} */
  upstream: null,
  /** Of the entry: sends calls to stages. @type {import('./dispatch.js').Dispatcher | null} */
  dispatcher: null,
};

/**
 * Which activity the current code belongs to: on a stage, 'init' for the program's own start and all that
 * follows from it, or the session of a moved call.
 * @type {AsyncLocalStorage<'init' | import('./session.js').Session>}
 */
const activity = new AsyncLocalStorage();

/** @returns {string} id of the moved handler whose call this code belongs to, or '' */
function currentHandler() {
  const store = activity.getStore();
  return store && store !== 'init' ? store.handler : '';
}

/** @returns {number} number of the call that this code belongs to, or 0 */
function currentSession() {
  const store = activity.getStore();
  return store && store !== 'init' ? store.id : 0;
}

/** @returns {boolean} true while the program's start, or what follows from it alone, is running */
function inInit() {
  return activity.getStore() === 'init' || !context.initOver;
}

module.exports = { context, activity, currentHandler, currentSession, inInit };
