// @ts-check
'use strict';

/**
 * The way back from instrumented text to the source: positions for stack traces, and the texts of functions.
 *
 * The recorder says which parts of a text are the original's. They are looked at only when somebody asks.
 */

const { fileURLToPath } = require('url');
const { find, matches } = require('./patterns.js');

class Source {
  /** @param {string} original @param {string} code @param {string} spans see `Instrumented.spans` of the recorder */
  constructor(original, code, spans) {
    this.original = original;
    this.code = code;
    this.spans = spans;
    /** Where text begins that was kept, in the code and in the original, in turns. @type {number[] | null} */
    this.kept = null;
    /** Where lines begin in the two texts. @type {number[] | null} */
    this.codeLines = null;
    /** @type {number[] | null} */
    this.lines = null;
  }

  /** Offset in the original of an offset in the code; new text stands where it was put. @param {number} offset */
  originalOffset(offset) {
    const kept = this.kept ?? (this.kept = table(this.spans));
    let low = 0;
    let high = (kept.length >> 1) - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (kept[2 * middle] <= offset) low = middle;
      else high = middle - 1;
    }
    const next = 2 * low + 3 < kept.length ? kept[2 * low + 3] : this.original.length;
    return Math.min(kept[2 * low + 1] + Math.max(0, offset - kept[2 * low]), next);
  }

  /** @param {number} line 1-based @param {number} column 1-based @returns {[number, number]} the same of the original */
  position(line, column) {
    const codeLines = this.codeLines ?? (this.codeLines = lineStarts(this.code));
    const lines = this.lines ?? (this.lines = lineStarts(this.original));
    const inCode = codeLines[Math.min(line, codeLines.length) - 1] + column - 1;
    let offset = this.originalOffset(inCode);
    // The engine names a call by its callee if that is a name, else by its parenthesis; probes stand around names.
    if (this.code[inCode] === '(' && this.original[offset] === '(' && /\)\s*$/.test(this.code.slice(Math.max(0, inCode - 40), inCode))) {
      offset -= /(?:[\w$\u0080-\uffff]+\s*)?$/.exec(this.original.slice(Math.max(0, offset - 200), offset))?.[0].length ?? 0;
    }
    let at = Math.min(line, lines.length);
    // New lines are put only behind the end of a module.
    while (at > 1 && lines[at - 1] > offset) at--;
    return [at, offset - lines[at - 1] + 1];
  }

  /** @param {number} line 1-based @returns {string} that line of the original */
  lineText(line) {
    const lines = this.lines ?? (this.lines = lineStarts(this.original));
    if (line > lines.length) return '';
    return this.original.slice(lines[line - 1], lines[line]).replace(/[\r\n\u2028\u2029]+$/, '');
  }
}

/** @param {string} spans */
function table(spans) {
  const kept = [];
  let code = 0;
  let original = 0;
  for (const span of spans.split(';')) {
    const parts = span.split(',');
    kept.push(code, original);
    code += Number(parts[0]) + Number(parts[1]);
    original += Number(parts[0]) + (parts.length > 2 ? Number(parts[2]) : 0);
  }
  return kept;
}

/** @param {string} text */
function lineStarts(text) {
  const starts = [0];
  const end = /\r\n|[\n\r\u2028\u2029]/g;
  while (end.exec(text) !== null) starts.push(end.lastIndex);
  return starts;
}

/** By path and by URL. @type {Map<string, Source>} */
const sources = new Map();
/** Brings what other threads have instrumented for this one. */
let fetch = () => {};

/** @param {string} file @param {string} original @param {string} code @param {string} spans */
function add(file, original, code, spans) {
  sources.set(file, new Source(original, code, spans));
}

/** @param {() => void} more called before sources are looked for */
function onLookup(more) {
  fetch = more;
}

/** @param {string | null | undefined} file path or file: URL @returns {Source | undefined} */
function sourceOf(file) {
  if (typeof file !== 'string') return undefined;
  fetch();
  const found = sources.get(file);
  if (found !== undefined || !file.startsWith('file:')) return found;
  try {
    return sources.get(fileURLToPath(file));
  } catch {
    return undefined;
  }
}

/** The source text of a function, given what the engine says it is. @param {string} text */
function originalText(text) {
  if (!text.includes('$px')) return text;
  fetch();
  for (const source of sources.values()) {
    const at = source.code.indexOf(text);
    if (at < 0) continue;
    return source.original.slice(source.originalOffset(at), source.originalOffset(at + text.length));
  }
  return text;
}

/** Words of the sources read so far. @type {Set<string>} */
const words = new Set();
/** @type {Set<Source>} */
const read = new Set();

/** Whether a text stands in the application's source as a whole word; what does not may be somebody's data. @param {string} text */
function isWord(text) {
  fetch();
  // Attached to a running process, the agent has no sources; then what is plainly a name is taken for one.
  if (sources.size === 0) return matches(/^[a-z][a-z_-]{0,24}(\.[a-z]{1,5})?$/, text);
  if (read.size < sources.size) {
    for (const source of sources.values()) {
      if (read.has(source)) continue;
      read.add(source);
      const word = /[\w.~%@+-]+/g;
      for (let found = find(word, source.original); found !== null; found = find(word, source.original)) words.add(found[0]);
    }
  }
  return words.has(text);
}

/** Patterns of the URLs seen last, while no source is added. @type {Map<string, string>} */
const patterns = new Map();
const PATTERNS = 500;
const LOOK_EVERY = 256;
let patternsOf = -1;
let asked = 0;

/** A URL's path with `*` in place of what may be data. @param {string} url */
function pathPattern(url) {
  // Asking other threads costs more than all the rest.
  if (++asked % LOOK_EVERY === 0) fetch();
  if (patternsOf !== sources.size || patterns.size >= PATTERNS) {
    patternsOf = sources.size;
    patterns.clear();
  }
  let pattern = patterns.get(url);
  if (pattern === undefined) {
    pattern = makePattern(url);
    patterns.set(url, pattern);
  }
  return pattern;
}

/** @param {string} url */
function makePattern(url) {
  const end = find(/[?#]/, url);
  const path = end === null ? url : url.slice(0, end.index);
  return path.split('/').map((part) => (part === '' || isWord(part) ? part : '*')).join('/');
}

module.exports = { Source, pathPattern, add, onLookup, sourceOf, originalText };
