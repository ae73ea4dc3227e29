// @ts-check
/**
 * Program objects by path. Every stage runs the same program, so an object that is reachable from a module, a binding,
 * a server or a builtin when initialisation is over exists on every stage, and a path names it. The index
 * (object → path) is built breadth first, once and lazily, and is bounded; a path is resolved by walking it.
 */
'use strict';

const { Module } = require('node:module');
const path = require('node:path');
const { types } = require('node:util');
const { context } = require('./context.js');
const { nameOf, symbolOf } = require('./symbols.js');
const runtimeErrors = require('./errors.js');

const MAX_OBJECTS = 200_000;
const MAX_ELEMENTS = 2_000;
const MAX_REBUILDS = 3;
const MAX_ANSWERERS = 100;
const SEPARATOR = '\u0001';
const BUILTINS = ['http', 'https', 'net', 'stream', 'events', 'url', 'util', 'fs', 'path', 'buffer', 'crypto', 'zlib',
  'querystring', 'string_decoder', 'os', 'tls', 'dns', 'timers', 'perf_hooks', 'async_hooks', 'assert', 'dgram',
  'child_process', 'readline'];

/** @typedef {{parent: Node | null, step: string}} Node */

/** @type {Map<object, Node | string> | null} */
let index = null;
/** Built later, when asynchronous initialisation had gone on; it names prototypes only. @type {Map<object, Node | string> | null} */
let later = null;
let builds = 0;
let builtFrom = 0;
/** @type {Map<string, any>} */
const resolved = new Map();

/** @type {Map<string, () => any>} getters of module-level names: 'file:name' */
const bindings = new Map();
/** @type {any[]} servers in order of listen() */
const servers = [];
/** @type {Function[]} listeners for requests, in order of their registration */
const answerers = [];
/** @type {Map<string, any>} values of $pt.handler by id */
const handlerValues = new Map();
/** @type {WeakSet<object>} values of $pt.state: indexed, but their content is not */
const stateValues = new WeakSet();
/** @type {Map<string, object[]>} what functions made at start lead to, where both sides have the same */
const twins = new Map();
/** @type {WeakMap<object, string>} paths of those objects */
const twinPaths = new WeakMap();
/** @type {WeakMap<Function, Function>} the function that a stub stands for */
const stubbed = new WeakMap();

/** @param {string} file @param {Record<string, () => any>} getters */
function addBindings(file, getters) {
  for (const name of Object.keys(getters)) bindings.set(`${file}:${name}`, /** @type {() => any} */ (getters[name]));
}

/** @param {string} location 'file:name' @returns {any} the value of a module-level name; undefined if it has none yet */
function valueOf(location) {
  const getter = bindings.get(location);
  return getter && attempt(getter);
}

/** @param {any} server */
function addServer(server) {
  if (!servers.includes(server)) servers.push(server);
}

/**
 * What answers the requests of a server leads to the prototypes that a framework gives them, also where a library has put
 * itself between the two.
 * @param {Function} listener
 */
function addAnswerer(listener) {
  if (answerers.length < MAX_ANSWERERS && !answerers.includes(listener)) answerers.push(listener);
}

/** @param {string} name of a function made at start @param {object[]} objects that it leads to */
function addTwin(name, objects) {
  twins.set(name, objects);
  objects.forEach((object, position) => {
    if (!twinPaths.has(object)) twinPaths.set(object, `t:${name}${SEPARATOR}.${position}`);
  });
}

/** @param {string} file @returns {string} the same on every machine */
function moduleKey(file) {
  const relative = path.relative(context.root, file).split(path.sep).join('/');
  if (!relative.startsWith('..')) return relative;
  const posix = file.split(path.sep).join('/');
  const at = posix.indexOf('/node_modules/');
  return at < 0 ? relative : posix.slice(at + 1);
}

/** @type {Map<string, NodeModule>} */
let modules = new Map();

function readModules() {
  modules = new Map();
  for (const file of Object.keys(require.cache)) {
    if (file.startsWith(__dirname + path.sep)) continue;
    const key = moduleKey(file);
    const module = require.cache[file];
    if (module) modules.set(modules.has(key) ? file : key, module);
  }
}

/** @param {any} value @returns {value is object} */
function isObject(value) {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** @param {() => any} read @returns {any} undefined if the name is not initialised yet */
function attempt(read) {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** @param {string} root @returns {any} */
function rootOf(root) {
  const name = root.slice(2);
  switch (root.slice(0, 2)) {
    case 'g:': return globalThis;
    case 'b:': return require(`node:${name}`);
    case 'v:': {
      const getter = bindings.get(name);
      return getter ? attempt(getter) : undefined;
    }
    case 'h:': return handlerValues.get(name);
    case 'r:': return runtimeErrors;
    case 's:': return servers[Number(name)];
    case 't:': return twins.get(name);
    case 'a:': return answerers[Number(name)];
    case 'm:': {
      if (!modules.has(name)) readModules();
      const module = modules.get(name);
      return module && module.exports;
    }
    default: return undefined;
  }
}

/** @returns {string[][]} in groups, of which an earlier one names everything that it reaches */
function roots() {
  readModules();
  return [['g:', 'r:', ...BUILTINS.map((name) => `b:${name}`)], [
    ...[...bindings.keys()].map((name) => `v:${name}`),
    ...[...handlerValues.keys()].map((id) => `h:${id}`),
    ...servers.map((_server, position) => `s:${position}`),
    ...answerers.map((_listener, position) => `a:${position}`),
    ...[...modules.keys()].map((key) => `m:${key}`),
  ]];
}

/** Objects that are never walked into: their content is data, native, or not the same on every stage. */
/** @param {object} object @returns {boolean} */
function isLeaf(object) {
  return types.isProxy(object) || ArrayBuffer.isView(object) || types.isAnyArrayBuffer(object)
    || types.isPromise(object) || types.isWeakMap(object) || types.isWeakSet(object) || types.isExternal(object)
    || types.isDate(object) || types.isRegExp(object) || types.isModuleNamespaceObject(object)
    || object === process || object === require.cache || object instanceof Module || stateValues.has(object);
}

/** @param {Map<object, Node | string>} map @param {[object, Node][]} queue @param {any} value @param {Node | null} parent @param {string} step */
function visit(map, queue, value, parent, step) {
  if (!isObject(value) || map.has(value) || map.size >= MAX_OBJECTS) return;
  const node = { parent, step };
  map.set(value, node);
  if (!isLeaf(value)) queue.push([value, node]);
}

/** @param {Map<object, Node | string>} map @param {[object, Node][]} queue @param {object} object @param {Node} node */
function expand(map, queue, object, node) {
  if (Array.isArray(object)) {
    const length = Math.min(object.length, MAX_ELEMENTS);
    for (let i = 0; i < length; i += 1) visit(map, queue, object[i], node, `.${i}`);
  } else {
    let left = MAX_ELEMENTS;
    for (const key of Reflect.ownKeys(object)) {
      if (left-- <= 0) break;
      const descriptor = Reflect.getOwnPropertyDescriptor(object, key);
      if (!descriptor || !('value' in descriptor) || !isObject(descriptor.value)) continue;
      visit(map, queue, descriptor.value, node, typeof key === 'string' ? `.${key}` : `@${nameOf(key)}`);
    }
  }
  if (object instanceof Map) {
    let left = MAX_ELEMENTS;
    for (const [key, value] of Map.prototype.entries.call(object)) {
      if (left-- <= 0) break;
      if (typeof key === 'string') visit(map, queue, value, node, `M${key}`);
    }
  } else if (object instanceof Set) {
    let position = 0;
    for (const value of Set.prototype.values.call(object)) {
      if (position >= MAX_ELEMENTS) break;
      visit(map, queue, value, node, `S${position}`);
      position += 1;
    }
  }
  visit(map, queue, Object.getPrototypeOf(object), node, '^');
}

/** @returns {number} grows while the program is still starting */
function extent() {
  let known = servers.length + answerers.length + handlerValues.size + Object.keys(require.cache).length;
  for (const getter of bindings.values()) if (attempt(getter) !== undefined) known += 1;
  return known;
}

/** @returns {Map<object, Node | string>} */
function build() {
  builds += 1;
  builtFrom = extent();
  /** @type {Map<object, Node | string>} */
  const map = new Map();
  /** @type {[object, Node][]} */
  const queue = [];
  let at = 0;
  for (const group of roots()) {
    for (const root of group) visit(map, queue, rootOf(root), null, root);
    for (; at < queue.length; at += 1) {
      const [object, node] = /** @type {[object, Node]} */ (queue[at]);
      try {
        expand(map, queue, object, node);
      } catch {
        // An exotic object that cannot be listed is a leaf.
      }
    }
  }
  return map;
}

/** Builds the index now, at a moment when nobody waits. */
function buildIndex() {
  if (!index) index = build();
}

/** @param {Node} node @returns {string} */
function spell(node) {
  const steps = [];
  for (let at = /** @type {Node | null} */ (node); at; at = at.parent) steps.push(at.step);
  return steps.reverse().join(SEPARATOR);
}

/** @param {Map<object, Node | string>} map @param {object} object @returns {string | undefined} */
function find(map, object) {
  const found = map.get(object);
  if (found === undefined || typeof found === 'string') return found;
  const spelt = spell(found);
  map.set(object, spelt);
  return spelt;
}

/** @param {object} object @returns {string | undefined} the path of a program object */
function pathOf(object) {
  if (!index) index = build();
  return find(index, object) ?? twinPaths.get(object);
}

/** @returns {Set<any>} what libraries and Node export, which is not the application's */
function libraryExports() {
  const found = new Set(BUILTINS.map((name) => require(`node:${name}`)));
  for (const [file, module] of Object.entries(require.cache)) {
    if (file.includes(`${path.sep}node_modules${path.sep}`)) found.add(module?.exports);
  }
  return found;
}

/** @param {object} object @returns {boolean} true if it has been there since initialisation, so that other stages have it too */
function isOfStart(object) {
  return index !== null && (index.has(object) || twinPaths.has(object));
}

/**
 * As pathOf, for prototypes: looks again when the program has grown since, because asynchronous initialisation goes on
 * after the index was built. Other objects are not named then: what was made later is not the same everywhere.
 * @param {object} object @returns {string | undefined}
 */
function pathOfPrototype(object) {
  const found = pathOf(object) || (later ? find(later, object) : undefined);
  if (found !== undefined || builds > MAX_REBUILDS || extent() === builtFrom) return found;
  later = build();
  return find(later, object);
}

/** @param {any} object @param {string} step @returns {any} */
function take(object, step) {
  const rest = step.slice(1);
  switch (step[0]) {
    case '^': return Object.getPrototypeOf(object);
    case 'M': return Map.prototype.get.call(object, rest);
    case 'S': return [...Set.prototype.values.call(object)][Number(rest)];
    case '@': return Reflect.getOwnPropertyDescriptor(object, symbolOf(rest))?.value;
    default: return Reflect.getOwnPropertyDescriptor(object, rest)?.value;
  }
}

/** @param {string} spelt @returns {object | undefined} what this stage has at that path */
function resolve(spelt) {
  const known = resolved.get(spelt);
  if (known !== undefined) return known;
  const [root, ...steps] = spelt.split(SEPARATOR);
  let object = rootOf(/** @type {string} */ (root));
  for (const step of steps) {
    if (!isObject(object) || types.isProxy(object)) return undefined;
    object = attempt(() => take(object, step));
  }
  if (!isObject(object)) return undefined;
  resolved.set(spelt, object);
  return object;
}

/** @param {any} value @returns {string} what two stages must agree on before a path is trusted */
function signature(value) {
  const object = stubbed.get(value) || value;
  if (types.isProxy(object)) return 'p';
  if (typeof object === 'function') {
    return `f ${object.name} ${object.length} ${Function.prototype.toString.call(object).length}`;
  }
  const own = Reflect.getOwnPropertyDescriptor(Object.getPrototypeOf(object) || {}, 'constructor');
  return `o ${Array.isArray(object)} ${own && typeof own.value === 'function' ? own.value.name : ''}`;
}

module.exports = {
  addBindings, moduleKey, addServer, addAnswerer, addTwin, servers, handlerValues, stateValues, stubbed, buildIndex, valueOf, libraryExports, isOfStart, pathOf, pathOfPrototype, resolve, signature,
};
