// @ts-check
/** What rewritten files call. Without a plan, and in processes that are no stage, everything stays as it was written. */
'use strict';

const { context } = require('./context.js');
const { changes, closed, starting } = require('./constants.js');
const { state, touch } = require('./guards.js');
const { factory, kernel, lift, twin, wrap } = require('./handlers.js');
const { initial } = require('./init.js');
const program = require('./program.js');
const { source, stays } = require('./sources.js');
const { steps } = require('./steps.js');

/** @param {any} fn @param {string | undefined} name @returns {any} `fn`, with the name if it has none */
function named(fn, name) {
  if (name !== undefined && typeof fn === 'function' && fn.name === '') {
    Object.defineProperty(fn, 'name', { value: name, configurable: true });
  }
  return fn;
}

/** The operations of one rewritten file. */
class File {
  /** @param {string} path relative to the application */
  constructor(path) {
    this.path = path;
  }

  /**
   * @param {string} id @param {any} fn
   * @param {string} [name] what the language called the function where it stood before it was wrapped
   * @returns {any} a stub, or the function itself where it runs
   */
  handler(id, fn, name) {
    return wrap(id, named(fn, name));
  }

  /** @param {string} id @param {() => any[]} captures what stages need to make it @param {any} fn @param {string} [name] @returns {any} */
  lifted(id, captures, fn, name) {
    return lift(id, captures, named(fn, name));
  }

  /** @param {string} id @param {() => Record<string, any>} captured @param {any} fn @param {string} [name] @returns {any} */
  twin(id, captured, fn, name) {
    return twin(id, captured, named(fn, name));
  }

  /** @param {string} id @param {Function} make makes the handler from captured values @param {string} [name] its name */
  factory(id, make, name) {
    factory(id, name === undefined ? make : (/** @type {any[]} */ ...values) => named(make(...values), name));
  }

  /** @param {string} id @param {Function} fn a call that was cut out of its function @returns {Function} */
  kernel(id, fn) {
    return kernel(id, fn);
  }

  /** @param {any} fn was made async to wait for a kernel @param {string} [name] @returns {any} */
  steps(fn, name) {
    return steps(named(fn, name));
  }

  /** @template V @param {() => V} last call of a kernel, before which its function does something @returns {{value: V} | {error: unknown}} */
  outcome(last) {
    try {
      return { value: last() };
    } catch (error) {
      return { error };
    }
  }

  /** @template V @param {{value: V} | {error: unknown}} outcome @returns {V} */
  result(outcome) {
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }

  /** @template V @param {string} location @param {V} value @returns {V} */
  state(location, value) {
    return state(location, value);
  }

  /** @param {string} location */
  touch(location) {
    touch(location);
  }

  /** @template V @param {V} value @param {string} location @param {import('./constants.js').How} [how] @param {boolean} [ofStart] @returns {V} */
  changes(value, location, how, ofStart) {
    return changes(value, location, how ?? false, ofStart === true);
  }

  /** @returns {boolean} true while the program starts, where what it makes now has a copy on other stages */
  starting() {
    return starting();
  }

  /** @param {string} location of a variable that the start made, and that is about to be changed @param {boolean} [isState] or used */
  closed(location, isState) {
    closed(location, isState === true);
  }

  /** @param {string} id @param {any} fn @returns {any} */
  source(id, fn) {
    return source(id, fn);
  }

  /** @param {string} id @param {any} fn @param {string} [name] @returns {any} */
  stays(id, fn, name) {
    return stays(id, named(fn, name));
  }

  /** @template V @param {string} name @param {() => V} make @returns {V} */
  initial(name, make) {
    return initial(name, make, (wanted) => require('./upstream.js').askInitial(wanted));
  }

  /** @param {Record<string, () => any>} getters by module-level name */
  bindings(getters) {
    if (context.role !== 'local') program.addBindings(this.path, getters);
  }
}

/** A file whose text runs once more (taken out of `require.cache`, or imported with a query): stages have the first one's functions. */
class Again extends File {
  /** @param {string} _id @param {any} fn @param {string} [name] @returns {any} */
  handler(_id, fn, name) {
    return named(fn, name);
  }

  /** @param {string} _id @param {() => any[]} _captures @param {any} fn @param {string} [name] @returns {any} */
  lifted(_id, _captures, fn, name) {
    return named(fn, name);
  }

  /** @param {string} _id @param {() => Record<string, any>} _captured @param {any} fn @param {string} [name] @returns {any} */
  twin(_id, _captured, fn, name) {
    return named(fn, name);
  }

  factory() {}

  /** @param {string} _id @param {Function} fn @returns {Function} */
  kernel(_id, fn) {
    return fn;
  }

  /** @template V @param {string} _name @param {() => V} make @returns {V} */
  initial(_name, make) {
    return make();
  }

  bindings() {}
}

/** Files whose text has run. @type {Set<string>} */
const files = new Set();

/** @param {string} path relative to the application @returns {File} */
function file(path) {
  if (files.has(path)) return new Again(path);
  files.add(path);
  return new File(path);
}

module.exports = { file };
