// @ts-check
'use strict';

/**
 * Stack traces that look as without instrumentation: lines and columns of the source, no frames of the agent, and
 * the excerpt that Node prints above an uncaught error.
 */

const path = require('path');
const { internals } = require('./internals.js');
const { sourceOf } = require('./sources.js');

const AGENT = __dirname + path.sep;
const LOADER = path.join(__dirname, 'loader.js');

/** Whether the agent itself looks at a stack, and wants it as it is. */
let raw = false;
const { apply } = Reflect;

/** @type {WeakMap<object, any>} wrapper → the engine's call site */
const sites = new WeakMap();
/** Call sites of a function that the agent stands in for, which the engine therefore finds no name for. @type {WeakMap<object, string>} */
const methods = new WeakMap();
/** How many frames of the agent are on the stack, for which the limit was raised. */
let deeper = 0;
/** What the limit was set to for them. */
let raisedTo = -1;
/** @type {object | null} */
let prototype = null;

/** @param {any} site */
function makePrototype(site) {
  const engine = Object.getPrototypeOf(site);
  const made = Object.create(engine);
  for (const name of Object.getOwnPropertyNames(engine)) {
    if (name === 'constructor') continue;
    const { [name]: method } = {
      /** @this {object} */
      [name]() {
        const own = sites.get(this);
        return name in MAPPED ? MAPPED[name](own) : own[name]();
      },
    };
    Object.defineProperty(made, name, { value: method, configurable: false, enumerable: false, writable: false });
  }
  Object.defineProperty(made, 'constructor', { value: engine.constructor, enumerable: false });
  return made;
}

/** @param {any} site @returns {[number, number]} line and column in the source */
function place(site) {
  const source = /** @type {import('./sources.js').Source} */ (sourceOf(site.getFileName()));
  return source.position(site.getLineNumber(), site.getColumnNumber());
}

/** @param {any} site @returns {[number, number]} */
function enclosing(site) {
  const source = /** @type {import('./sources.js').Source} */ (sourceOf(site.getFileName()));
  return source.position(site.getEnclosingLineNumber(), site.getEnclosingColumnNumber());
}

/** What differs from the engine's answer. @type {Record<string, (site: any) => unknown>} */
const MAPPED = {
  getLineNumber: (site) => (isMapped(site) ? place(site)[0] : site.getLineNumber()),
  getColumnNumber: (site) => (isMapped(site) ? place(site)[1] : site.getColumnNumber()),
  getEnclosingLineNumber: (site) => (isMapped(site) ? enclosing(site)[0] : site.getEnclosingLineNumber()),
  getEnclosingColumnNumber: (site) => (isMapped(site) ? enclosing(site)[1] : site.getEnclosingColumnNumber()),
  getPosition: (/** @type {any} */ site) => sourceOf(site.getFileName())?.originalOffset(site.getPosition()) ?? site.getPosition(),
  getEvalOrigin: (site) => mappedText(site.getEvalOrigin()),
  getMethodName: (site) => methods.get(site) ?? site.getMethodName(),
  toString(/** @type {any} */ site) {
    const method = methods.get(site);
    const text = method === undefined ? site.toString() : site.toString().replace('.<anonymous> (', `.${method} (`);
    if (!isMapped(site)) return mappedText(text);
    const [line, column] = place(site);
    const end = `:${site.getLineNumber()}:${site.getColumnNumber()}`;
    const at = text.lastIndexOf(end);
    return at < 0 ? text : `${text.slice(0, at)}:${line}:${column}${text.slice(at + end.length)}`;
  },
};

/** @param {any} site */
function isMapped(site) {
  return site.getLineNumber() !== null && sourceOf(site.getFileName()) !== undefined;
}

/** Positions in a text such as `eval at f (/app/a.js:1:2)`. @param {unknown} text */
function mappedText(text) {
  if (typeof text !== 'string') return text;
  return text.replace(/((?:file:\/\/)?\/[^():]+):(\d+):(\d+)/g, (whole, file, line, column) => {
    const source = sourceOf(file);
    return source === undefined ? whole : `${file}:${source.position(Number(line), Number(column)).join(':')}`;
  });
}

/** @param {any[]} trace @returns {any[]} */
function mapped(trace) {
  if (raw) return trace;
  const result = [];
  for (let index = 0; index < trace.length; index++) {
    const site = trace[index];
    const file = site.getFileName();
    if (typeof file === 'string' && file.startsWith(AGENT)) continue;
    const above = index + 2 < trace.length && trace[index + 2].getFileName() === LOADER;
    if (above && trace[index + 1].getFileName() === __filename && site.getFunctionName() === null) methods.set(site, '_compile');
    if (sourceOf(file) !== undefined || methods.has(site) || (site.isEval() && typeof site.getEvalOrigin() === 'string')) {
      prototype ??= makePrototype(site);
      const wrapper = Object.create(prototype);
      sites.set(wrapper, site);
      result.push(wrapper);
    } else {
      result.push(site);
    }
  }
  return result.slice(0, limit());
}

/**
 * The excerpt above an uncaught error: file and line, the line's text, and marks below it.
 * @param {string} excerpt
 */
function mappedExcerpt(excerpt) {
  const found = /^(.*):(\d+)\n(.*)\n([ \t]*)(\^*)/.exec(excerpt);
  const source = found === null ? undefined : sourceOf(found[1]);
  if (found === null || source === undefined) return excerpt;
  const [whole, file, number, , indent, marks] = found;
  const [line, column] = source.position(Number(number), indent.length + 1);
  const [endLine, end] = source.position(Number(number), indent.length + marks.length + 1);
  const text = source.lineText(line);
  const width = endLine === line ? Math.max(1, end - column) : 1;
  const below = marks === '' ? '' : text.slice(0, column - 1).replace(/[^\t]/g, ' ') + '^'.repeat(width);
  return `${file}:${line}\n${text}\n${below}${excerpt.slice(whole.length)}`;
}

/** Put everything in place, as far as this Node lets us. */
function install() {
  const inner = internals();
  if (inner === null) return;
  const errors = inner.internalBinding('errors');
  const { prepareStackTraceCallback, fatalExceptionStackEnhancers } = inner.requireBuiltin('internal/errors');
  if (typeof prepareStackTraceCallback === 'function') {
    errors.setPrepareStackTraceCallback((/** @type {object} */ realm, /** @type {Error} */ error, /** @type {any[]} */ trace) =>
      prepareStackTraceCallback(realm, error, mapped(trace)));
  }
  const arrow = inner.internalBinding('util').privateSymbols?.arrow_message_private_symbol;
  if (arrow !== undefined && fatalExceptionStackEnhancers !== undefined) {
    const { beforeInspector, afterInspector } = fatalExceptionStackEnhancers;
    errors.setEnhanceStackForFatalException(beforeInspector, (/** @type {any} */ error) => {
      if (typeof error[arrow] === 'string') error[arrow] = mappedExcerpt(error[arrow]);
      return afterInspector(error);
    });
  }
  const positions = errors.getErrorSourcePositions;
  if (typeof positions === 'function') {
    errors.getErrorSourcePositions = (/** @type {Error} */ error) => {
      const found = positions(error);
      const source = sourceOf(found?.scriptResourceName);
      if (source === undefined) return found;
      const [line, column] = source.position(found.lineNumber, found.startColumn + 1);
      return { ...found, lineNumber: line, startColumn: column - 1, sourceLine: source.lineText(line) };
    };
  }
}

/** How many frames the application wants to see. */
function limit() {
  const value = Error.stackTraceLimit;
  if (typeof value !== 'number' || value <= 0) return Infinity;
  return value === raisedTo ? value - deeper : value;
}

/**
 * Call a function of the application or a library from the agent, with room for the agent's own frames in stack traces.
 * @param {number} frames that the agent puts on the stack
 * @param {Function} fn @param {unknown} self @param {ArrayLike<unknown>} args
 * @returns {any}
 */
function below(frames, fn, self, args) {
  const before = Error.stackTraceLimit;
  const descriptor = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit');
  if (typeof before !== 'number' || before <= 0 || descriptor === undefined || !descriptor.writable) return apply(fn, self, args);
  const outer = raisedTo;
  const outerDeeper = deeper;
  deeper = before === outer ? deeper + frames : frames;
  Error.stackTraceLimit = raisedTo = before + frames;
  try {
    return apply(fn, self, args);
  } finally {
    // The application may have set it meanwhile.
    if (Error.stackTraceLimit === raisedTo) Error.stackTraceLimit = before;
    raisedTo = outer;
    deeper = outerDeeper;
  }
}

/** Run a function in which stacks are what they are. @template T @param {() => T} action @returns {T} */
function withRawStacks(action) {
  raw = true;
  try {
    return action();
  } finally {
    raw = false;
  }
}

module.exports = { install, withRawStacks, below };
