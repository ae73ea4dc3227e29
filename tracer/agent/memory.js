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

const { state, problem } = require('./state.js');
const { classOf } = require('./classes.js');
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
    /** The module-level variable itself holds it. */
    this.direct = false;
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
/** @type {Scope[]} */
const moduleScopes = [];
/** @type {Location[]} */
let fresh = [];
let objects = 0;
let locations = 0;
let full = false;

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
  } else if (accesses.size >= MOST_LOCATIONS) {
    $pxs = 0;
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
  if (locations === ALL_LOCATIONS && !full) {
    full = true;
    problem('lost', -1, 0, `more than ${ALL_LOCATIONS} locations were touched; accesses to further ones are not recorded`);
  }
  const location = new Location(full ? 0 : ++locations, kind, name, owner, cls);
  if (location.id !== 0) fresh.push(location);
  return location;
}

/** @param {object} object @param {string} name @param {number} mode @param {number} via @param {number} line */
function property(object, name, mode, via, line) {
  const meta = metaOf(object);
  if (meta.id === 0) return meta;
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

/** @param {object} object @param {number} mode @param {number} via @param {number} line */
function content(object, mode, via, line) {
  const meta = metaOf(object);
  if (meta.id === 0) return meta;
  // To take a value from a generator is to move it on.
  if (meta.cls === 'generator') mode = BOTH;
  let location = meta.content;
  if (location === null) location = meta.content = makeLocation('c', 'content', meta, meta.cls);
  touch(location, mode, via, line);
  return meta;
}

/** Invocation that last matched with a regular expression that keeps its place. @type {WeakMap<RegExp, number>} */
const matchers = new WeakMap();

/**
 * A regular expression with the flag g or y is matched: it begins where the last match ended. A match that begins at
 * the start of the text depends on nothing, so only one that finds another's place is recorded.
 * @param {RegExp} pattern @param {number} line
 */
function matched(pattern, line) {
  const frame = state.frame;
  if (frame === null || !(pattern.global || pattern.sticky)) return;
  const before = matchers.get(pattern);
  matchers.set(pattern, frame.id);
  if (before !== frame.id && pattern.lastIndex !== 0) property(pattern, 'lastIndex', BOTH, BUILTIN, line);
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
    // What prototypes hold are methods and constants; a plain object may simply not have it yet.
    if (typeof object === 'function' || key in object) {
      if (key === 'size' ? owner.cls === 'Map' || owner.cls === 'Set' : owner.cls === 'instance:URL') content(object, READ, DIRECT, line);
      return object;
    }
    property(object, key, READ, DIRECT, line);
    return object;
  }
  if (typeof object === 'function' && key === 'prototype') return object;
  const meta = property(object, key, READ, DIRECT, line);
  const value = descriptor.value;
  if (isObject(value)) inherit(meta, value);
  return object;
}

/** What is reached through an object was first reached through the same module-level variable. @param {ObjectMeta} meta @param {object} value */
function inherit(meta, value) {
  if (meta.root === '' || typeof value === 'function') return;
  const inner = metaOf(value);
  if (inner.root === '' && inner.init) reroot(inner, meta.root);
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
  if (key === 0) content(object, mode, DIRECT, line);
  else property(object, key, mode, DIRECT, line);
  return object;
}

/**
 * Elements are read: spread, iteration, `in`.
 * @template T @param {T} object @param {number} line @returns {T}
 */
function iterate(object, line) {
  if ($pxs && isObject(object)) content(object, READ, DIRECT, line);
  return object;
}

/**
 * Properties are read by a pattern.
 * @template T @param {T} object @param {string[]} keys @param {number} line @returns {T}
 */
function destructure(object, keys, line) {
  if ($pxs && isObject(object)) {
    for (const key of keys) read(object, key, line);
  }
  return object;
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
  if (isObject(value)) setRoot(value, file, state.files[file].variables[binding][0]);
}

/** @param {object} object @param {number} file @param {string} name */
function setRoot(object, file, name) {
  const meta = metaOf(object);
  if (meta.direct || meta.id === 0) return;
  meta.direct = true;
  reroot(meta, `${state.files[file].path}#${name}`);
}

/** Write the locations that were met since the last time. */
function writeLocations() {
  const rows = new Set(fresh);
  fresh = [];
  for (const { id, kind, name, owner, cls, binding } of rows) {
    if (owner instanceof Scope) {
      const table = state.files[owner.file];
      const module = owner.fid === table.base;
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
  if (meta.direct) return meta.root.replace('#', ':');
  const place = meta.file >= 0 ? ` made in ${state.files[meta.file].path}:${meta.line}` : '';
  const root = meta.root ? ` in ${meta.root.replace('#', ':')}` : '';
  return `object #${meta.id} (${meta.cls})${place || root}`;
}

module.exports = {
  READ, WRITE, BOTH, DIRECT, BUILTIN, OPAQUE, COMPARED, ObjectMeta, metas, metaOf, isObject, property, content, matched, read,
  write, iterate, destructure, readIfSampled, writeIfSampled, born, makeMeta, scope, lateScope, variable,
  moduleVariable, setRoot, reroot, writeLocations,
};
