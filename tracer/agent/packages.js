// @ts-check
'use strict';

/**
 * What libraries keep to themselves between calls: variables of their modules and closures, and whatever these lead to.
 *
 * A call shows only its receiver and arguments, so a cache inside of a library is one that nobody handed over. All that
 * a package keeps is taken for one location, which every call into the package and every look at its exports reads. Now
 * and then what its exports lead to is looked at after a call, hidden variables included. If more is kept than ever
 * before, or something by another name, or if numbers only go up, calls have changed it. Other changes are taken for what
 * libraries write anew whenever they are called, as their parsers and queues do. The looks become rarer, each after half
 * as many calls again, so what fills in the first of them only, as tables do that a library makes when they are first
 * needed, can be told from what goes on filling.
 */

const Module = require('module');
const { sep } = require('path');
const { setTimeout } = require('timers');
const { types } = require('util');
const { state } = require('./state.js');
const memory = require('./memory.js');
const { metas, isObject, content, READ, BOTH, OPAQUE, COMPARED } = memory;
const { classOf, RESOURCES } = require('./classes.js');
const { isApplication } = require('./decide.js');
const { inventoryOf } = require('./inventory.js');
const { idOf, LIBRARY } = require('./identity.js');
const { parts } = require('./reach.js');

const { hasOwn } = Object;

/** Looks at which numbers went up, and at none in between down. */
const RISES = 4;
/** After each of so many calls it is looked, and after fewer where more functions than SOME must be asked about. */
const FIRST = 16;
const FEW = 3;
const SOME = 8;
/** Exports of one package that are looked at: those of its modules that were loaded first. */
const MOST_EXPORTS = 24;

/** What one package exports, and how what it keeps has changed. */
class Keeper {
  /** @param {string} name */
  constructor(name) {
    this.name = name;
    /** @type {object[]} */
    this.exports = [];
    /** Stands for all that it keeps. @type {object} */
    this.kept = memory.standIn(name, 'library');
    this.calls = 0;
    this.nextLook = 1;
    /** @type {import('./inventory.js').Inventory | null} */
    this.last = null;
    /** @type {Set<number>} */
    this.names = new Set();
    /** The most entries that a look found. */
    this.most = 0;
    this.rises = 0;
    this.waiting = false;
    this.dear = false;
    /** What the last look says of the calls before it, if the next call has not told it yet. */
    this.verdict = 0;
  }

  /** A sampled invocation looks at what the package exports, or calls it. @param {number} line */
  used(line) {
    if (this.verdict === 0) content(this.kept, READ, OPAQUE, line);
    else content(this.kept, this.verdict, COMPARED, line);
    this.verdict = 0;
  }

  /** A sampled invocation is about to call into the package. @param {number} line */
  called(line) {
    this.calls++;
    this.used(line);
    if (this.calls < this.nextLook || this.waiting) return;
    this.nextLook = this.calls + (this.calls < (this.dear ? FEW : FIRST) ? 1 : this.calls >> 1);
    this.waiting = true;
    // When timers run, most libraries have nothing left in their queues.
    setTimeout(() => {
      this.waiting = false;
      const first = this.last === null;
      try {
        const grew = this.grows();
        if (!first) this.verdict = grew ? BOTH : READ;
      } catch {
        // Whatever a library is made of, the application must not suffer from a look at it.
        this.nextLook = Infinity;
      }
    }, 1).unref();
  }

  /** Look at all that the package keeps. @returns {boolean} whether it keeps something more, or else, than at the last look */
  grows() {
    const { last } = this;
    const now = inventoryOf(this.exports, (value) => this.isForeign(value), this.names);
    this.last = now;
    this.dear = now.asked > SOME;
    const more = now.entries > this.most;
    this.most = Math.max(this.most, now.entries);
    if (last === null) return false;
    const risen = now.sum > last.sum;
    if (now.sum < last.sum) this.rises = 0;
    else if (risen) this.rises++;
    return more || now.named || (risen && this.rises >= RISES);
  }

  /** Whether a value is not the package's own, so that it is not looked into. @param {object} value @returns {boolean} */
  isForeign(value) {
    if (types.isProxy(value) || value === globalThis || value === process || isCore(value) || value instanceof Module) return true;
    const keeper = keepers.get(value) ?? makers.get(value);
    if (keeper !== undefined) return keeper !== this;
    if (metas.get(value)?.made) return true;
    if (typeof value !== 'function') return false;
    return idOf(value) !== LIBRARY || (hasOwn(value, 'resolve') && hasOwn(value, 'cache') && hasOwn(value, 'main'));
  }
}

/** By what a package exports, and what that groups. @type {WeakMap<object, Keeper>} */
const keepers = new WeakMap();
/** By what calls into a package gave. @type {WeakMap<object, Keeper>} */
const makers = new WeakMap();
/** @type {Map<string, Keeper>} by package */
const packages = new Map();
/** Values that modules of libraries export, and the plain objects and functions that those group. @type {WeakSet<object>} */
const exported = new WeakSet();
let loaded = 0;
/** @type {Set<import('./state.js').FileTable>} */
const read = new Set();

/** Learn what modules export that were loaded since the last time. */
function learn() {
  const cache = /** @type {any} */ (Module)._cache;
  const names = Object.keys(cache);
  if (names.length !== loaded) {
    loaded = names.length;
    for (const name of names) {
      const value = cache[name]?.exports;
      if (!isObject(value) || types.isProxy(value) || exported.has(value) || metas.get(value)?.root) continue;
      add(value, isApplication(name) ? '' : packageOf(name));
    }
  }
  for (const file of state.files) {
    if (file === undefined || read.has(file) || file.imports.length === 0) continue;
    const values = [];
    try {
      for (const [name, look] of file.imports) values.push(/** @type {const} */ ([name, look()]));
    } catch {
      continue; // one of them is not initialised yet
    }
    read.add(file);
    for (const [name, value] of values) {
      const fresh = isObject(value) && !types.isProxy(value) && !exported.has(value);
      if (fresh && !Module.builtinModules.includes(name)) add(value, name);
    }
  }
}

/** @param {object} value what a module exports @param {string} name of its package; '' for a part of the application */
function add(value, name) {
  if (isCore(value)) return;
  exported.add(value);
  const keeper = name === '' ? null : keeperOf(name);
  if (keeper !== null) {
    if (!keepers.has(value)) keep(value, keeper);
    if (keeper.exports.length < MOST_EXPORTS) keeper.exports.push(value);
  }
  for (const part of parts(value)) {
    if (!isObject(part) || types.isProxy(part) || isCore(part)) continue;
    const cls = classOf(part);
    if (cls === 'plain' || cls === 'function') exported.add(part);
    if (keeper !== null && !keepers.has(part) && !RESOURCES.has(cls) && !metas.get(part)?.made) keep(part, keeper);
  }
}

/** @param {object} value @param {Keeper} keeper */
function keep(value, keeper) {
  keepers.set(value, keeper);
  memory.keptBy.set(value, keeper);
}

/** @param {string} name */
function keeperOf(name) {
  let keeper = packages.get(name);
  if (keeper === undefined) {
    keeper = new Keeper(name);
    packages.set(name, keeper);
  }
  return keeper;
}

/** The package that a file belongs to, by where it lies. @param {string} file */
function packageOf(file) {
  const [first, second] = namesBelow(file, 'node_modules');
  if (first === undefined) return file;
  return first.startsWith('@') ? `${first}/${second}` : first;
}

/** The first two names of a path below the last directory of a name; [] if it has none. @param {string} file @param {string} directory */
function namesBelow(file, directory) {
  const at = file.lastIndexOf(sep + directory + sep);
  if (at < 0) return [];
  // An application may have replaced what a split would use.
  const start = at + directory.length + 2;
  const middle = file.indexOf(sep, start);
  if (middle < 0) return [file.slice(start)];
  const end = file.indexOf(sep, middle + 1);
  return [file.slice(start, middle), file.slice(middle + 1, end < 0 ? undefined : end)];
}

/** Modules of Node itself. @type {WeakSet<object>} */
const core = new WeakSet();
let known = false;

/** @param {object} value */
function isCore(value) {
  if (!known) {
    known = true;
    const began = new Set(/** @type {any} */ (process).moduleLoadList);
    for (const name of Module.builtinModules) {
      // Some warn of their age when they are asked for.
      if (!began.has(`NativeModule ${name}`) || name.startsWith('_') || ['punycode', 'sys', 'domain'].includes(name)) continue;
      core.add(require(name));
    }
  }
  return core.has(value);
}

/** Whether an object is what a module exports: what libraries keep there is not theirs alone. @param {object} object */
function isExport(object) {
  return types.isModuleNamespaceObject(object) || exported.has(object);
}

/** The package that a call enters, if it is one. @param {Function} fn @param {unknown} receiver @returns {Keeper | null} */
function entered(fn, receiver) {
  const found = keepers.get(fn) ?? makers.get(fn);
  if (found !== undefined) return found;
  return isObject(receiver) ? keepers.get(receiver) ?? makers.get(receiver) ?? null : null;
}

/** A call into a package gave something that was not known before. @param {object} made @param {Keeper} keeper */
function gave(made, keeper) {
  if (!keepers.has(made) && !types.isPromise(made) && !RESOURCES.has(classOf(made))) makers.set(made, keeper);
}

module.exports = { learn, isExport, entered, gave };
