// @ts-check
/** Initialisation: values that only the entry computes, and the moment at which initialisation is over. */
'use strict';

const { pathToFileURL } = require('node:url');
const fs = require('node:fs');
const chance = require('./chance.js');
const { context } = require('./context.js');
const { moduleKey } = require('./program.js');
const { Session } = require('./session.js');
const { Reader, decode } = require('./codec/decode.js');
const { encode } = require('./codec/encode.js');
const { CannotTravel } = require('./errors.js');

/** Tokens of a value, or null if each stage must compute its own because it cannot travel. @typedef {any[] | null} Tokens */

/** @type {Map<string, any>} of the entry */
const values = new Map();
/** @type {Map<string, Tokens>} of a stage: what the entry has sent */
const given = new Map();
/** @type {Map<string, ((tokens: Tokens) => void)[]>} */
const wanted = new Map();

/** @param {any} value @returns {Tokens} */
function toTokens(value) {
  const session = new Session(null, 0, '');
  /** @type {any[]} */
  const tokens = [];
  try {
    encode(session, tokens, value);
  } catch {
    return null;
  }
  return session.references > 0 || session.opaques > 0 ? null : tokens;
}

/** @param {any[]} tokens @returns {any} */
function fromTokens(tokens) {
  return decode(new Session(null, 0, ''), new Reader(tokens, 0));
}

/**
 * @template V
 * @param {any[]} tokens @param {() => V} make
 * @returns {V} what the entry computed; of a function that the start makes, this stage's own, which got the same by chance
 */
function received(tokens, make) {
  try {
    return fromTokens(tokens);
  } catch (error) {
    if (error instanceof CannotTravel) return make();
    throw error;
  }
}

/**
 * @template V
 * @param {string} name 'file:name' @param {() => V} make
 * @param {(name: string) => Tokens | undefined} ask  asks the entry and waits
 * @returns {V}
 */
function initial(name, make, ask) {
  if (context.role === 'stage') {
    const tokens = given.has(name) ? given.get(name) : ask(name);
    return tokens ? received(tokens, make) : make();
  }
  const value = make();
  if (context.role === 'entry') {
    values.set(name, value);
    for (const tell of wanted.get(name) || []) tell(toTokens(value));
    wanted.delete(name);
  }
  return value;
}

/** @returns {[string, Tokens][]} all values so far */
function collect() {
  return [...values].map(([name, value]) => [name, toTokens(value)]);
}

/** @param {[string, Tokens][]} list */
function accept(list) {
  for (const [name, tokens] of list) given.set(name, tokens);
}

/** Under which the values of chance go to the other stages; no file has this name. */
const CHANCE = ':chance';

/** Of the entry: writes down what the start gets by chance. */
function writeChance() {
  values.set(CHANCE, chance.write(moduleKey));
}

/** Of a stage: gives its start what the entry's got. */
function repeatChance() {
  const tokens = given.get(CHANCE);
  if (tokens) chance.repeat(moduleKey, fromTokens(tokens));
}

/** @param {string} name @param {(tokens: Tokens) => void} tell called once the entry has the value */
function whenKnown(name, tell) {
  if (values.has(name)) tell(toTokens(values.get(name)));
  else wanted.set(name, [...(wanted.get(name) || []), tell]);
}

/**
 * @param {boolean} patient true: keeps the loop alive until then
 * @param {() => void} over called when the main module has been evaluated and one macrotask has passed
 */
function whenInitOver(patient, over) {
  const immediate = setImmediate(() => {
    if (process.mainModule) {
      chance.stop();
      over();
      return;
    }
    // A module of ECMAScript: importing it again gives the evaluation that is under way.
    import(pathToFileURL(fs.realpathSync(String(process.argv[1]))).href).then(() => setImmediate(() => {
      chance.stop();
      over();
    }), () => undefined);
  });
  if (!patient) immediate.unref();
}

module.exports = { initial, collect, accept, writeChance, repeatChance, whenKnown, whenInitOver, toTokens, fromTokens };
