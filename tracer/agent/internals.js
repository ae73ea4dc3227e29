// @ts-check
'use strict';

/**
 * Node's own internal modules and bindings, for the few places where only they let instrumentation stay unseen.
 *
 * `process.binding` closes over them, and an inspector session of this thread to itself can read what a function closes
 * over. Where that fails (a build without inspector, a permission, another Node) the answer is null, and callers do without.
 */

const inspector = require('inspector');

/** @typedef {{internalBinding: (name: string) => any, requireBuiltin: (name: string) => any}} Internals */

const WANTED = ['internalBinding', 'requireBuiltin'];

/** @type {Internals | null | undefined} */
let known;

/** @returns {Internals | null} */
function internals() {
  if (known === undefined) {
    try {
      known = find();
    } catch {
      known = null;
    }
  }
  return known;
}

/** @returns {Internals | null} */
function find() {
  const session = new inspector.Session();
  session.connect();
  /** @type {Internals | null} */
  let found = null;
  const shelf = Symbol('pipetrace');
  const world = /** @type {any} */ (process);
  try {
    Object.defineProperty(world, shelf, {
      configurable: true,
      value: [/** @type {any} */ (process).binding, (/** @type {any[]} */ ...values) => {
        found = { internalBinding: values[0], requireBuiltin: values[1] };
      }],
    });
    const both = post(session, 'Runtime.evaluate', {
      expression: 'process[Object.getOwnPropertySymbols(process).find((one) => one.description === "pipetrace")]',
    }).result;
    const [binding, take] = properties(session, both.objectId).filter((one) => /^[01]$/.test(one.name)).map((one) => one.value);
    const scopes = post(session, 'Runtime.getProperties', { objectId: binding.objectId, ownProperties: true })
      .internalProperties.find((/** @type {any} */ one) => one.name === '[[Scopes]]');
    for (const scope of properties(session, scopes.value.objectId)) {
      if (!/^Closure/.test(scope.value?.description ?? '')) continue;
      const variables = properties(session, scope.value.objectId);
      const values = WANTED.map((name) => variables.find((one) => one.name === name)?.value);
      if (values.some((value) => value?.objectId === undefined)) continue;
      post(session, 'Runtime.callFunctionOn', {
        objectId: take.objectId,
        functionDeclaration: 'function (...values) { this(...values); }',
        arguments: values.map((value) => ({ objectId: value.objectId })),
      });
      break;
    }
  } finally {
    delete world[shelf];
    session.disconnect();
  }
  return found;
}

/** @param {inspector.Session} session @param {string} method @param {object} parameters @returns {any} */
function post(session, method, parameters) {
  /** @type {any} */
  let answer;
  session.post(method, parameters, (error, result) => {
    if (error) throw error;
    answer = result;
  });
  return answer;
}

/** @param {inspector.Session} session @param {string} objectId @returns {any[]} */
function properties(session, objectId) {
  return post(session, 'Runtime.getProperties', { objectId, ownProperties: true }).result;
}

module.exports = { internals };
