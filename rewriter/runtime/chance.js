// @ts-check
/**
 * What differs from start to start. Every stage runs the program's start again, so random numbers, keys and the time that it
 * asks for would differ: the entry writes down what it got at each place of the program, and the others get the same.
 */
'use strict';

const crypto = require('node:crypto');
const { fileURLToPath } = require('node:url');
const { syncBuiltinESMExports } = require('node:module');

/** Values that are written down at most. */
const MOST = 10_000;

/** @typedef {Map<string, any[]>} Drawn by place: what was got there, in order */

/** What is asked for chance, or the time; false for forms that answer later. @type {[any, string, (args: any[]) => boolean][]} */
const ASKED = [
  [Math, 'random', () => true], [Date, 'now', () => true],
  [crypto, 'randomBytes', isPlain], [crypto, 'randomInt', isPlain], [crypto, 'randomUUID', isPlain],
  [crypto, 'generateKeySync', isPlain], [crypto, 'generateKeyPairSync', isPlain],
  [crypto, 'randomFillSync', isPlain], [crypto.webcrypto, 'getRandomValues', isPlain], [crypto.webcrypto, 'randomUUID', isPlain],
];
/** They fill what they are given. */
const FILLING = new Set(['randomFillSync', 'getRandomValues']);

/** @type {(() => void)[]} */
let undo = [];

/** @param {any[]} args @returns {boolean} */
function isPlain(args) {
  return typeof args[args.length - 1] !== 'function';
}

/** @param {Function} above @param {(file: string) => string} nameOf @returns {string} where the caller of `above` stands */
function placeOf(above, nameOf) {
  const { prepareStackTrace, stackTraceLimit } = Error;
  /** @type {any} */
  const holder = {};
  Error.stackTraceLimit = 1;
  Error.prepareStackTrace = (_error, frames) => frames[0];
  Error.captureStackTrace(holder, above);
  const frame = holder.stack;
  Error.prepareStackTrace = prepareStackTrace;
  Error.stackTraceLimit = stackTraceLimit;
  const file = frame && frame.getFileName();
  if (!file) return '';
  return `${nameOf(file.startsWith('file:') ? fileURLToPath(file) : file)}:${frame.getLineNumber()}:${frame.getColumnNumber()}`;
}

/**
 * @param {(file: string) => string} nameOf the same on every stage
 * @param {(place: string, draw: () => any) => any} answer what the program gets
 */
function patch(nameOf, answer) {
  for (const [owner, name, applies] of ASKED) {
    const original = owner[name];
    const fills = FILLING.has(name);
    const asked = new Proxy(original, {
      apply(target, self, args) {
        const place = applies(args) ? placeOf(asked, nameOf) : '';
        if (place === '') return Reflect.apply(target, self, args);
        const got = answer(`${name} ${place}`, () => {
          const value = Reflect.apply(target, self, args);
          return fills ? Buffer.from(bytesOf(value)) : value;
        });
        if (!fills) return got;
        bytesOf(args[0]).set(got);
        return args[0];
      },
    });
    const given = Reflect.getOwnPropertyDescriptor(owner, name);
    Object.defineProperty(owner, name, { value: asked, configurable: true, enumerable: given ? given.enumerable : false, writable: true });
    undo.push(() => {
      if (owner[name] !== asked) return;
      if (given) Object.defineProperty(owner, name, given);
      else delete owner[name];
    });
  }
  syncBuiltinESMExports();
}

/** @param {any} view @returns {Uint8Array} */
function bytesOf(view) {
  return ArrayBuffer.isView(view) ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : new Uint8Array(view);
}

/** @param {(file: string) => string} nameOf @returns {Drawn} is filled until the start is over */
function write(nameOf) {
  /** @type {Drawn} */
  const drawn = new Map();
  let count = 0;
  patch(nameOf, (place, draw) => {
    const value = draw();
    if (count < MOST) {
      count += 1;
      const known = drawn.get(place);
      if (known) known.push(value);
      else drawn.set(place, [value]);
    }
    return value;
  });
  return drawn;
}

/** @param {(file: string) => string} nameOf @param {Drawn} drawn by the entry */
function repeat(nameOf, drawn) {
  patch(nameOf, (place, draw) => {
    const left = drawn.get(place);
    return left && left.length > 0 ? left.shift() : draw();
  });
}

/** The start is over. */
function stop() {
  for (const one of undo) one();
  undo = [];
  syncBuiltinESMExports();
}

module.exports = { write, repeat, stop };
