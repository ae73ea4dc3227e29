// @ts-check
'use strict';

/**
 * What objects of libraries keep where no property shows it: private fields, and variables of closures.
 *
 * Node's inspector sees both. It is asked in the same thread and only while it is needed, so nothing else
 * slows down; values are turned into references at once and are never kept.
 */

const { types } = require('util');
const { textOf } = require('./disguise.js');
const { idOf, LIBRARY } = require('./identity.js');
const { isMadeUp } = require('./reach.js');
const { matches } = require('./patterns.js');

/** @typedef {{name: string, value?: {type: string, value?: unknown, unserializableValue?: string, objectId?: string, description?: string}}} Found */

const GROUP = 'pipetrace';
const HOLDER = '$pxHeld';
/** Functions of one object whose closures are looked at. */
const FUNCTIONS = 16;
const VALUES = 200;
/** A closure of more variables is taken for a module: some libraries are one function as a whole. */
const MOST = 100;
/** Functions that are asked about on one occasion, nearest first: each takes half a millisecond or more. */
const ASKED = 24;
/** Variables of a module that are looked at where modules count, too. */
const MOST_OF_MODULES = 2000;

/** @type {import('inspector').Session | null} */
let session = null;

/** @param {string} method @param {object} parameters @returns {any} */
function ask(method, parameters) {
  let answer = null;
  // Answers of a session within the thread come at once.
  session?.post(method, parameters, (error, result) => {
    answer = error ? null : result;
  });
  return answer;
}

/** Begin a session, which must not outlast its use: a process may end at any time. @returns {boolean} */
function connect() {
  if (session !== null) return true;
  try {
    const { Session } = require('inspector');
    session = new Session();
    session.connect();
  } catch {
    // a build of Node without an inspector
    session = null;
  }
  return session !== null;
}

function disconnect() {
  if (session === null) return;
  ask('Runtime.releaseObjectGroup', { objectGroup: GROUP });
  session.disconnect();
  session = null;
  delete /** @type {any} */ (globalThis)[HOLDER];
}

/** @param {unknown} value @returns {string | undefined} the inspector's name for it */
function nameOf(value) {
  /** @type {any} */
  const world = globalThis;
  Object.defineProperty(world, HOLDER, { value, configurable: true, writable: true, enumerable: false });
  return ask('Runtime.evaluate', { expression: HOLDER, objectGroup: GROUP, silent: true })?.result.objectId;
}

/** The values behind names, in order. @param {Found[]} found @returns {unknown[]} */
function valuesOf(found) {
  const values = [];
  const objects = [];
  for (const { value } of found.slice(0, VALUES)) {
    if (value === undefined) continue;
    if (value.objectId !== undefined) objects.push({ objectId: value.objectId });
    else values.push(value.unserializableValue ?? value.value);
  }
  if (objects.length > 0) {
    ask('Runtime.callFunctionOn', {
      functionDeclaration: `function (...all) { globalThis.${HOLDER} = all }`,
      objectId: objects[0].objectId, arguments: objects, objectGroup: GROUP, silent: true,
    });
    const held = /** @type {any} */ (globalThis)[HOLDER];
    if (Array.isArray(held)) values.push(...held);
  }
  return values;
}

/**
 * The scopes of a function, innermost first, with their variables. The inspector's list is taken as it is, because
 * describing each value in it costs a hundred times as much.
 * @param {string} objectId the inspector's name for its list @returns {{description: string, object: object}[]}
 */
function scopesOf(objectId) {
  /** @type {any} */
  const world = globalThis;
  world[HOLDER] = null;
  const functionDeclaration = `function () { globalThis.${HOLDER} = Array.from(this) }`;
  ask('Runtime.callFunctionOn', { functionDeclaration, objectId, objectGroup: GROUP, silent: true });
  return world[HOLDER] ?? [];
}

/** Whether a class, by its text, has private fields. @type {WeakMap<Function, boolean>} */
const privates = new WeakMap();

/** @param {object} object */
function mayHavePrivateFields(object) {
  for (let holder = Object.getPrototypeOf(object); holder !== null && !types.isProxy(holder); holder = Object.getPrototypeOf(holder)) {
    const maker = Reflect.getOwnPropertyDescriptor(holder, 'constructor')?.value;
    if (typeof maker !== 'function' || types.isProxy(maker)) continue;
    let has = privates.get(maker);
    if (has === undefined) {
      has = idOf(maker) === LIBRARY && matches(/^class[^]*#[A-Za-z_$]/, textOf(maker));
      privates.set(maker, has);
    }
    if (has) return true;
  }
  return false;
}

/** One function that the prototype of an instance holds: it sees what its module keeps. @param {object} object @returns {Function[]} */
function methodsOf(object) {
  const prototype = Object.getPrototypeOf(object);
  if (prototype === null || prototype === Object.prototype || types.isProxy(prototype)) return [];
  for (const key of Reflect.ownKeys(prototype)) {
    if (key === 'constructor') continue;
    const value = Reflect.getOwnPropertyDescriptor(prototype, key)?.value;
    if (typeof value === 'function' && !types.isProxy(value) && idOf(value) === LIBRARY && !isNative(value)) return [value];
  }
  return [];
}

/** Functions whose closures hold nothing of their own, without and with their modules. @type {[WeakSet<Function>, WeakSet<Function>]} */
const open = [new WeakSet(), new WeakSet()];

/**
 * Variables of the closures of a function.
 * @param {Function} fn @param {unknown[]} into @param {boolean} modules  those of its module, too
 * @returns {boolean} whether there are any
 */
function addClosures(fn, into, modules) {
  const objectId = nameOf(fn);
  if (objectId === undefined) return false;
  const list = ask('Runtime.getProperties', { objectId, ownProperties: true })?.internalProperties
    ?.find((/** @type {Found} */ each) => each.name === '[[Scopes]]')?.value.objectId;
  if (list === undefined) return false;
  const scopes = scopesOf(list).filter(({ description }) => matches(modules ? /^(Closure|Block|Module)/ : /^(Closure|Block)/, description));
  // A CommonJS module is a function as well, the outermost one.
  if (!modules && scopes.at(-1)?.description === 'Closure') scopes.pop();
  const before = into.length;
  for (const { object } of scopes) {
    const variables = Object.values(object);
    if (variables.length <= (modules ? MOST_OF_MODULES : MOST)) into.push(...variables);
  }
  if (into.length > before) return true;
  open[modules ? 1 : 0].add(fn);
  return false;
}

/**
 * One occasion of looking for hidden values, at several objects; two that look at the same objects in the same order
 * see the same variables. It has to be ended.
 */
class Look {
  /** Functions asked about so far that have variables of their own. */
  asked = 0;

  /** @param {boolean} [modules]  variables of modules count, and functions of prototypes lead to them */
  constructor(modules) {
    this.modules = modules === true;
  }

  /**
   * The hidden values of an object of a library; [] where it has none or none can be seen.
   * @param {object} object @returns {unknown[]}
   */
  hiddenOf(object) {
    /** @type {Function[]} */
    const functions = [];
    if (typeof object === 'function') functions.push(object);
    for (const key of Reflect.ownKeys(object)) {
      if (functions.length >= FUNCTIONS) break;
      if (isMadeUp(object, key)) continue;
      const value = Reflect.getOwnPropertyDescriptor(object, key)?.value;
      if (typeof value === 'function' && !types.isProxy(value)) functions.push(value);
    }
    if (this.modules && functions.length === 0) functions.push(...methodsOf(object));
    const closures = functions.filter((fn) => idOf(fn) === LIBRARY && !open[this.modules ? 1 : 0].has(fn) && !isNative(fn));
    const fields = typeof object !== 'function' && mayHavePrivateFields(object);
    if ((closures.length === 0 && !fields) || this.asked >= ASKED || !connect()) return [];
    /** @type {unknown[]} */
    const into = [];
    if (fields) {
      const objectId = nameOf(object);
      if (objectId !== undefined) {
        const found = ask('Runtime.getProperties', { objectId, ownProperties: true })?.privateProperties ?? [];
        into.push(...valuesOf(found));
      }
    }
    for (const fn of closures) {
      if (this.asked >= ASKED) break;
      if (addClosures(fn, into, this.modules)) this.asked++;
    }
    return into;
  }

  /** End the inspector's session. */
  end() {
    disconnect();
  }
}

/** @type {WeakMap<Function, boolean>} */
const natives = new WeakMap();

/** @param {Function} fn */
function isNative(fn) {
  let native = natives.get(fn);
  if (native === undefined) {
    native = textOf(fn).endsWith('{ [native code] }');
    natives.set(fn, native);
  }
  return native;
}

module.exports = { Look };
