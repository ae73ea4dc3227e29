// @ts-check
/**
 * Names for symbols, so that a property keyed by one can travel. Every stage runs the same program, so the n-th symbol
 * made with a description during initialisation is the same symbol everywhere.
 */
'use strict';

const { randomUUID } = require('node:crypto');
const http = require('node:http');

/** Tells the symbols that this thread names from those of any other, also on another machine. */
const ORIGIN = randomUUID();

/** @type {Map<symbol, string>} */
const names = new Map();
/** @type {Map<string, symbol>} */
const byName = new Map();
/** @type {Map<string, number>} how many symbols of a description initialisation has made */
const made = new Map();

/** @param {symbol} symbol @param {string} name */
function remember(symbol, name) {
  names.set(symbol, name);
  byName.set(name, symbol);
}

const RealSymbol = Symbol;
for (const key of Object.getOwnPropertyNames(RealSymbol)) {
  const value = /** @type {any} */ (RealSymbol)[key];
  if (typeof value === 'symbol') remember(value, `w:${key}`);
}

/** Symbols of Node's own classes, found on fresh instances. */
function rememberBuiltins() {
  const request = new http.IncomingMessage(/** @type {any} */ (null));
  const samples = [request, new http.ServerResponse(request)];
  for (const sample of samples) {
    for (let at = sample; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
      for (const symbol of Object.getOwnPropertySymbols(at)) {
        if (!names.has(symbol)) remember(symbol, `b:${symbol.description}`);
      }
    }
  }
}
rememberBuiltins();

/** Counts symbols made while the program starts. @returns {() => void} ends the counting */
function watchSymbols() {
  /** @param {string | undefined} description */
  const record = (description) => {
    const symbol = RealSymbol(description);
    const count = (made.get(String(description)) || 0) + 1;
    made.set(String(description), count);
    remember(symbol, `c:${count}:${description}`);
    return symbol;
  };
  const watched = new Proxy(RealSymbol, {
    apply(_target, _self, args) {
      return record(args.length > 0 && args[0] !== undefined ? String(args[0]) : undefined);
    },
  });
  globalThis.Symbol = watched;
  return () => {
    if (globalThis.Symbol === watched) globalThis.Symbol = RealSymbol;
  };
}

let unknown = 0;

/** @param {symbol} symbol @returns {string} a name that every stage understands */
function nameOf(symbol) {
  const known = names.get(symbol);
  if (known !== undefined) return known;
  const registered = RealSymbol.keyFor(symbol);
  if (registered !== undefined) return `f:${registered}`;
  unknown += 1;
  // Made after the start: the other side gets a symbol of its own that stands for this one.
  const name = `x:${ORIGIN}.${unknown}:${symbol.description || ''}`;
  remember(symbol, name);
  return name;
}

/** @param {string} name @returns {symbol} */
function symbolOf(name) {
  const known = byName.get(name);
  if (known !== undefined) return known;
  if (name.startsWith('f:')) return RealSymbol.for(name.slice(2));
  const symbol = RealSymbol(name.slice(name.indexOf(':', 2) + 1));
  remember(symbol, name);
  return symbol;
}

module.exports = { watchSymbols, nameOf, symbolOf };
