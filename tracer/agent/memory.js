// @ts-check
/// <reference path="./globals.d.ts" />
/* eslint-disable no-undef -- the flags $pxs and $pxq are declared in globals.d.ts */
'use strict';

/**
 * Memory accesses of sampled invocations, folded to one row per location.
 *
 * A location is a variable of one scope instance, a property of one object, or the content of one object.
 * Objects get a number when they are first seen, with what is known of their birth; values are never kept.
 */

const { posix } = require('path');
const { types } = require('util');
const { state, problem } = require('./state.js');
const { idOf, LIBRARY } = require('./identity.js');
const { classOf } = require('./classes.js');
const { aliasOf, isIterator, lookup, proxyAbove } = require('./aliases.js');
const causality = require('./causality.js');

const READ = 1;
const WRITE = 2;
const BOTH = 3;

const DIRECT = 0;
const BUILTIN = 1;
const OPAQUE = 2;
const COMPARED = 3;

/** An invocation that touches more locations than this goes on without being recorded. */
const MOST_LOCATIONS = 50_000;
/** Bounds the agent's own memory. */
const ALL_LOCATIONS = 500_000;

class Location {
  /** @param {number} id @param {'v'|'p'|'c'} kind @param {string} name @param {ObjectMeta | Scope} owner @param {string} cls */
  constructor(id, kind, name, owner, cls) {
    this.id = id;
    this.kind = kind;
    this.name = name;
    this.owner = owner;
    this.cls = cls;
    this.binding = -1;
    /** Invocation that touched it last, and how. */
    this.by = 0;
    this.mode = 0;
  }
}

/** What is known of an object. */
class ObjectMeta {
  /** @param {number} id @param {string} cls @param {boolean} init @param {number} chain @param {number} file @param {number} line @param {boolean} made */
  constructor(id, cls, init, chain, file, line, made) {
    this.id = id;
    this.cls = cls;
    this.init = init;
    this.chain = chain;
    this.file = file;
    this.line = line;
    /** Seen being made, in contrast to first met here. */
    this.made = made;
    this.root = '';
    /** What people call it, where it is no object of the application. */
    this.known = '';
    /** The module-level variable itself holds it. */
    this.direct = false;
    /** Object whose content this one's is: the memory under a view, the target of a proxy, the proxy it inherits from. @type {object | null} */
    this.alias = null;
    /** Objects that a library made it from. @type {object[] | null} */
    this.sources = null;
    /** @type {Map<string, Location> | null} */
    this.properties = null;
    /** @type {Location | null} */
    this.content = null;
  }
}

/** One activation of a function, or one round of a loop, whose variables closures share. */
class Scope {
  /** @param {number} fid @param {boolean} init @param {number} chain */
  constructor(fid, init, chain) {
    this.fid = fid;
    this.init = init;
    this.chain = chain;
    /** @type {(Location | undefined)[]} */
    this.locations = [];
    this.file = -1;
  }
}

/** @type {WeakMap<object, ObjectMeta>} */
const metas = new WeakMap();
/** Of what a library exports: what is to be told of those who look at it, since they may see a part of what it keeps. @type {WeakMap<object, {used(line: number): void}>} */
const keptBy = new WeakMap();
/** @type {Scope[]} */
const moduleScopes = [];
/** @type {Location[]} */
let fresh = [];
let objects = 0;
let locations = 0;
let full = false;
let crowded = false;

/** @param {object} object @returns {ObjectMeta} */
function metaOf(object) {
  const known = metas.get(object);
  return known === undefined ? makeMeta(object, -1, 0, false) : known;
}

/** @param {object} object @param {number} file @param {number} line @param {boolean} made */
function makeMeta(object, file, line, made) {
  const frame = state.frame;
  const init = frame !== null && causality.isInit(frame.chain);
  const meta = new ObjectMeta(++objects, classOf(object), init, frame === null ? 0 : frame.chain.id, file, line, made);
  meta.alias = aliasOf(object) ?? (meta.cls === 'proxy' ? proxyAbove(object) : null);
  metas.set(object, meta);
  return meta;
}

/** @param {unknown} value @returns {value is object} */
function isObject(value) {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** @param {Location} location @param {number} mode @param {number} via @param {number} line */
function touch(location, mode, via, line) {
  const frame = state.frame;
  if (frame === null) return;
  if (location.by === frame.id) {
    if ((location.mode & mode) === mode || location.mode === WRITE) return;
  }
  if (location.id === 0) return;
  let accesses = frame.accesses;
  if (accesses === null) accesses = frame.accesses = new Map();
  const packed = accesses.get(location.id);
  let folded = mode;
  if (packed !== undefined) {
    const before = packed & BOTH;
    // What an invocation writes before it reads it does not come from another one.
    folded = before === WRITE ? WRITE : before | mode;
    if (folded === before) {
      location.by = frame.id;
      location.mode = folded;
      return;
    }
  } else if (accesses.size >= MOST_LOCATIONS && !location.owner.init) {
    if (!crowded) problem('lost', -1, 0, `an invocation touched more than ${MOST_LOCATIONS} locations; of its further ones only those that exist since initialisation are recorded`);
    crowded = true;
    return;
  }
  accesses.set(location.id, folded | (via << 4) | (line << 8));
  location.by = frame.id;
  location.mode = folded;
  const shared = location.owner.init || location.owner.chain !== frame.chain.id ? 4 : 0;
  state.sampling.saw(frame.fid, line * 8 + shared + folded);
}

/** @param {'v'|'p'|'c'} kind @param {string} name @param {ObjectMeta | Scope} owner @param {string} cls */
function makeLocation(kind, name, owner, cls) {
  if (locations >= ALL_LOCATIONS && !full) {
    full = true;
    problem('lost', -1, 0, `more than ${ALL_LOCATIONS} locations were touched; of further ones only those that exist since initialisation are recorded`);
  }
  const location = new Location(full && !owner.init ? 0 : ++locations, kind, name, owner, cls);
  if (location.id !== 0) fresh.push(location);
  return location;
}

/** @param {object} object @param {string} name @param {number} mode @param {number} via @param {number} line */
function property(object, name, mode, via, line) {
  const meta = metaOf(object);
  if (meta.id === 0) return meta;
  keptBy.get(object)?.used(line);
  let properties = meta.properties;
  if (properties === null) properties = meta.properties = new Map();
  let location = properties.get(name);
  if (location === undefined) {
    location = makeLocation('p', name, meta, meta.cls);
    properties.set(name, location);
  }
  touch(location, mode, via, line);
  return meta;
}

/** Forget that the running invocation wrote a property, unless it read what was there before. @param {object} object @param {string} name */
function takeBack(object, name) {
  const location = metas.get(object)?.properties?.get(name);
  const accesses = state.frame?.accesses;
  if (location === undefined || !accesses || ((accesses.get(location.id) ?? 0) & BOTH) !== WRITE) return;
  accesses.delete(location.id);
  location.by = 0;
}

/** @param {object} object @param {number} mode @param {number} via @param {number} line @returns {ObjectMeta} */
function content(object, mode, via, line) {
  const meta = metaOf(object);
  if (meta.id === 0) return meta;
  // To take a value from a generator is to move it on.
  if (meta.cls === 'generator') mode = BOTH;
  if (meta.alias !== null) {
    const { alias } = meta;
    // A view has no content of its own; a proxy may keep something itself.
    if (meta.cls !== 'proxy') {
      const memory = metaOf(alias);
      if (memory.root === '' && meta.root !== '') name(memory, meta.root, meta.direct);
      // The memory goes by one of its names; that it is used by another one has to be seen, too.
      else if (meta.direct && memory.root !== meta.root) touch(contentOf(meta), mode, via, line);
      return content(alias, mode, via, line);
    }
    content(alias, mode, via, line);
  }
  touch(contentOf(meta), mode, via, line);
  return meta;
}

/** @param {ObjectMeta} meta */
function contentOf(meta) {
  let location = meta.content;
  if (location === null) location = meta.content = makeLocation('c', 'content', meta, meta.cls);
  return location;
}

/**
 * A property or element is read: `o.p`. Key 0 stands for a computed one.
 * @template T @param {T} object @param {string | 0} key @param {number} line @returns {T}
 */
function read(object, key, line) {
  if (!isObject(object)) return object;
  const owner = metaOf(object);
  if (owner.id === 0) return object;
  // Looking at a proxy would run its traps.
  if (key === 0 || owner.cls === 'proxy') {
    content(object, READ, DIRECT, line);
    return object;
  }
  const descriptor = Reflect.getOwnPropertyDescriptor(object, key);
  if (descriptor === undefined) {
    inherited(object, key, line);
    return object;
  }
  if (typeof object === 'function' && key === 'prototype') return object;
  if (owner.known !== '' && globals.has(key)) return object;
  const meta = property(object, key, READ, DIRECT, line);
  const value = descriptor.value;
  if (isObject(value)) inherit(meta, value);
  return object;
}

/**
 * A property is read that is not the object's own. What prototypes hold are mostly methods, which say nothing
 * unless they were replaced; data of a prototype is shared by all that inherit it.
 * @param {object} object @param {string} key @param {number} line
 */
function inherited(object, key, line) {
  const found = lookup(object, key);
  if (found === null) {
    property(object, key, READ, DIRECT, line);
    return;
  }
  const { holder, descriptor } = found;
  const meta = metas.get(holder);
  const ofLanguage = meta !== undefined && meta.id === 0;
  if (descriptor === undefined) {
    content(holder, READ, DIRECT, line);
  } else if ('value' in descriptor) {
    if (ofLanguage || (typeof descriptor.value === 'function' && !meta?.properties?.has(key))) return;
    const of = property(holder, key, READ, DIRECT, line);
    if (isObject(descriptor.value)) inherit(of, descriptor.value);
  } else if (ofLanguage) {
    // `map.size` and its like.
    if (!ArrayBuffer.isView(object)) content(object, READ, BUILTIN, line);
  } else if (descriptor.get !== undefined && idOf(descriptor.get) === LIBRARY) {
    property(object, key, READ, DIRECT, line);
  }
}

/** What is reached through an object was first reached through the same module-level variable. @param {ObjectMeta} meta @param {object} value */
function inherit(meta, value) {
  if (meta.root === '' || typeof value === 'function') return;
  const inner = metaOf(value);
  if (inner.root === '' && (inner.init || !inner.made)) reroot(inner, meta.root);
}

/** Name the module-level variable through which an object is reached; rows written before are written again. @param {ObjectMeta} meta @param {string} root */
function reroot(meta, root) {
  meta.root = root;
  if (meta.content !== null) fresh.push(meta.content);
  if (meta.properties !== null) fresh.push(...meta.properties.values());
}

/**
 * A property or element is written, or read and written.
 * @template T @param {T} object @param {string | 0} key @param {number} line @param {number} mode @returns {T}
 */
function write(object, key, line, mode) {
  if (!isObject(object)) return object;
  const owner = metaOf(object);
  if (key === 0 || key === '__proto__') {
    content(object, mode, DIRECT, line);
  } else {
    // What a library's accessor keeps may be told by another one of its object.
    property(object, key, mode, DIRECT, line);
    if (owner.alias !== null && owner.cls === 'proxy') property(owner.alias, key, mode, DIRECT, line);
    if (mode === BOTH && owner.id !== 0 && owner.cls !== 'proxy' && !Object.prototype.hasOwnProperty.call(object, key)) inherited(object, key, line);
  }
  return object;
}

/**
 * Elements are read: spread, iteration, `in`.
 * @template T @param {T} object @param {number} line @returns {T}
 */
function iterate(object, line) {
  // A view of a buffer does not read it. An iterator moves on as it is read.
  if ($pxs && isObject(object) && !types.isAnyArrayBuffer(object)) content(object, isIterator(object) ? BOTH : READ, DIRECT, line);
  return object;
}

/**
 * What a pattern reads: the elements (number 1), or properties by key, each with the pattern inside if there is one; key 0
 * stands for a computed one and for the rest.
 * @typedef {1 | [string | 0 | 1, any?][]} Pattern
 */

/**
 * Properties are read by a pattern.
 * @template T @param {T} object @param {Pattern} pattern @param {number} line @returns {T}
 */
function destructure(object, pattern, line) {
  if ($pxs) take(object, pattern, line);
  return object;
}

/** @param {unknown} object @param {Pattern} pattern @param {number} line */
function take(object, pattern, line) {
  if (!isObject(object)) return;
  if (pattern === 1) {
    iterate(object, line);
    return;
  }
  for (const [key, inner] of pattern) {
    if (key === 1) {
      // Elements of an array, each taken apart in turn.
      iterate(object, line);
      if (Array.isArray(object) && inner !== undefined && inner !== 1) {
        inner.forEach((/** @type {[unknown, Pattern?]} */ each, /** @type {number} */ index) => {
          if (each[1] !== undefined) take(object[index], each[1], line);
        });
      }
      continue;
    }
    read(object, key, line);
    if (inner === undefined || key === 0 || metaOf(object).cls === 'proxy') continue;
    const value = Reflect.getOwnPropertyDescriptor(object, key)?.value;
    if (value !== undefined) take(value, inner, line);
  }
}

/**
 * Each element that a loop takes apart.
 * @param {any} list @param {Pattern} pattern @param {number} line
 */
function each(list, pattern, line) {
  if (!$pxs || !isObject(list)) return list;
  iterate(list, line);
  if (Array.isArray(list)) {
    for (const one of list) take(one, pattern, line);
  } else if (types.isMap(list)) {
    for (const one of Map.prototype.entries.call(list)) take(one, pattern, line);
  } else if (types.isSet(list)) {
    for (const one of Set.prototype.values.call(list)) take(one, pattern, line);
  }
  return list;
}

/**
 * A variable that nothing declares, so a property of the global object.
 * @param {string} key @param {number} mode @param {number} line
 */
function implicit(key, mode, line) {
  if (!globals.has(key)) property(globalThis, key, mode, DIRECT, line);
}

/** @template T @param {T} object @param {string | 0} key @param {number} line @returns {T} */
function readIfSampled(object, key, line) {
  return $pxs ? read(object, key, line) : object;
}

/** @template T @param {T} object @param {string | 0} key @param {number} line @param {number} mode @returns {T} */
function writeIfSampled(object, key, line, mode) {
  return $pxs ? write(object, key, line, mode) : object;
}

/** An object literal or instance was made. @param {unknown} object @param {number} line @param {number} file */
function born(object, line, file) {
  if (isObject(object) && !metas.has(object)) makeMeta(object, file, line, true);
}

/** A scope with shared variables begins in a sampled invocation. @param {number} fid */
function scope(fid) {
  const frame = state.frame;
  return new Scope(fid, frame !== null && causality.isInit(frame.chain), frame === null ? 0 : frame.chain.id);
}

/** A scope is met that began unsampled, so after the initialisation and in an unknown chain. @param {number} fid */
function lateScope(fid) {
  return new Scope(fid, false, 0);
}

/**
 * A variable of a scope instance is read or written.
 * @param {Scope} owner @param {number} file @param {number} binding @param {number} mode @param {number} line
 * @param {unknown} [value]
 */
function variable(owner, file, binding, mode, line, value) {
  owner.file = file;
  let location = owner.locations[binding];
  if (location === undefined) {
    location = makeLocation('v', state.files[file].variables[binding][0], owner, classOf(value));
    location.binding = binding;
    owner.locations[binding] = location;
  }
  if (value !== undefined && location.cls === 'undefined') {
    location.cls = classOf(value);
    fresh.push(location);
  }
  touch(location, mode, DIRECT, line);
}

/**
 * A variable of a module is read or written.
 * @param {number} file @param {number} binding @param {number} mode @param {number} line @param {unknown} [value]
 */
function moduleVariable(file, binding, mode, line, value) {
  let owner = moduleScopes[file];
  if (owner === undefined) {
    owner = moduleScopes[file] = new Scope(state.files[file].base, true, 0);
  }
  variable(owner, file, binding, mode, line, value);
  if (isObject(value) && state.files[file].variables[binding][2] === 0) setRoot(value, file, state.files[file].variables[binding][0]);
}

/** Where imported variables live, by file and number. @type {([number, number] | null | undefined)[][]} */
const foreigns = [];

/**
 * A variable of another module is read: an import, or `space.name`.
 * @param {number} file @param {number} number @param {number} line @param {unknown} [value]
 */
function imported(file, number, line, value) {
  const known = foreigns[file] ?? (foreigns[file] = []);
  let home = known[number];
  if (home === undefined) {
    const [specifier, name] = state.files[file].links[0][number];
    home = exporter(state.files[file].path, specifier, name, 8);
    known[number] = home;
  }
  if (home !== null) moduleVariable(home[0], home[1], READ, line, value);
}

/**
 * The variable that a module exports, followed through modules that pass it on.
 * @param {string} from @param {string} specifier @param {string} name @param {number} hops
 * @returns {[number, number] | null}
 */
function exporter(from, specifier, name, hops) {
  if (hops === 0 || !specifier.startsWith('.')) return null;
  const path = posix.normalize(posix.join(posix.dirname(from), specifier));
  const file = state.files.find((each) => each?.path === path);
  for (const [exported, where, source] of file?.links[1] ?? []) {
    if (exported !== name && exported !== '*') continue;
    if (typeof where === 'number') return [/** @type {any} */ (file).id, where];
    const found = exporter(path, where, exported === '*' ? name : source, hops - 1);
    if (found !== null) return found;
  }
  return null;
}

/** @param {object} object @param {number} file @param {string} variable */
function setRoot(object, file, variable) {
  const meta = metaOf(object);
  if (meta.direct || meta.id === 0) return;
  name(meta, `${state.files[file].path}#${variable}`, true);
}

/** @param {ObjectMeta} meta @param {string} root @param {boolean} direct */
function name(meta, root, direct) {
  meta.direct = direct;
  reroot(meta, root);
}

/** Write the locations that were met since the last time. */
function writeLocations() {
  const rows = new Set(fresh);
  fresh = [];
  for (const { id, kind, name, owner, cls, binding } of rows) {
    if (owner instanceof Scope) {
      const table = state.files[owner.file];
      const module = owner.fid === table.base && table.variables[binding][2] === 0;
      state.spool.line({
        t: 'l', id, k: kind, n: name, o: 0, w: `${table.path}:${name}`, f: table.id, l: table.variables[binding][1],
        s: table.base + table.variables[binding][2], c: cls, bi: owner.init, bc: module ? 0 : owner.chain,
        r: module ? `${table.path}#${name}` : '',
      });
    } else {
      state.spool.line({
        t: 'l', id, k: kind, n: name, o: owner.id, w: label(owner), f: owner.file, l: owner.line, s: -1, c: cls,
        bi: owner.init, bc: owner.chain, r: owner.root,
      });
    }
  }
}

/** @param {ObjectMeta} meta */
function label(meta) {
  if (meta.known !== '') return meta.known;
  if (meta.direct) return meta.root.replace('#', ':');
  const place = meta.file >= 0 ? ` made in ${state.files[meta.file].path}:${meta.line}` : '';
  const root = meta.root ? ` in ${meta.root.replace('#', ':')}` : '';
  return `object #${meta.id} (${meta.cls})${place || root}`;
}

/** Properties that the global object has by itself. */
const globals = new Set(Object.getOwnPropertyNames(globalThis));

/** An object that stands for memory which no object of the program is. @param {string} known its name @param {string} cls */
function standIn(known, cls) {
  const object = Object.freeze({});
  const meta = new ObjectMeta(++objects, cls, true, 0, -1, 0, true);
  meta.known = known;
  metas.set(object, meta);
  return object;
}

/** The global object and the environment exist before any module, and belong to all of them. */
function knowGlobals() {
  for (const [object, known] of /** @type {[object, string][]} */ ([[globalThis, 'globalThis'], [process.env, 'process.env']])) {
    const meta = new ObjectMeta(++objects, 'plain', true, 0, -1, 0, true);
    meta.known = known;
    metas.set(object, meta);
  }
}

module.exports = {
  READ, WRITE, BOTH, DIRECT, BUILTIN, OPAQUE, COMPARED, ObjectMeta, metas, metaOf, isObject, property, content, read,
  write, iterate, destructure, readIfSampled, writeIfSampled, born, makeMeta, scope, lateScope, variable,
  moduleVariable, setRoot, reroot, writeLocations, each, implicit, imported, takeBack, knowGlobals, standIn, keptBy,
};
