// @ts-check
/* global $pxs, $pxq */
'use strict';

/**
 * Runs programs of test262 in contexts of their own, as the recorder gave them or as they are, and says how each
 * ended. Reads lines of JSON {id, kind, code, includes, raw, path, probes, base} from stdin, writes lines {id, end}.
 *
 * `kind` is 'function' (what CommonJS does), 'script' or 'module'; `base` is the module's function id.
 * Arguments: the agent's directory, 'full' or 'never' (which invocations are sampled), a file with all texts that
 * programs may include and import.
 */

const fs = require('fs');
const os = require('os');
const path = require('path');
const readline = require('readline');
const vm = require('vm');

const [, , agent, sampling, library] = process.argv;
/** @type {{includes: Record<string, string>, plain: Record<string, string>, probes: Record<string, string>}} */
const texts = JSON.parse(fs.readFileSync(library, 'utf8'));
const { state } = require(path.join(agent, 'state.js'));
const { Spool } = require(path.join(agent, 'spool.js'));
const { Sampling } = require(path.join(agent, 'sampling.js'));
const frames = require(path.join(agent, 'frames.js'));
const probes = require(path.join(agent, 'probes.js'));

const PATIENCE_MS = 2000;

/** Texts are what the agent makes of them, also for programs that look at their own functions. */
const sources = require(path.join(agent, 'sources.js'));
require(path.join(agent, 'disguise.js')).install();
state.memory = 'full';
state.spool = new Spool(fs.mkdtempSync(path.join(os.tmpdir(), 'test262-')));
state.spool.write = () => {};
state.sampling = new Sampling('full');
probes.install();
if (sampling === 'never') {
  state.memory = 'off';
  state.sampling.wants = () => false;
}

/** @type {unknown} */
let rejected;
process.on('unhandledRejection', (reason) => {
  rejected = reason;
});
process.on('uncaughtException', () => {});

/** Errors are told by name and message. @param {any} error */
function described(error) {
  try {
    return error !== null && typeof error === 'object' ? `${error.constructor?.name}: ${error.message}` : `thrown ${String(error)}`;
  } catch {
    return 'thrown something that cannot be described';
  }
}

/** Make the probes known in another realm; the flags stay those of this one. */
function expose(/** @type {any} */ world) {
  for (const [name, value] of Object.entries(probes.PROBES)) {
    if (typeof value === 'function') Object.defineProperty(world, name, { value, enumerable: false });
  }
  const { disguise } = require(path.join(agent, 'disguise.js'));
  const native = vm.runInContext('Function.prototype.toString', vm.createContext());
  const { toString } = world.Function.prototype;
  world.Function.prototype.toString = disguise({
    /** @this {Function} */
    toString() {
      return sources.originalText(Reflect.apply(toString, this === world.Function.prototype.toString ? native : this, []));
    },
  }.toString, native);
  Object.defineProperty(world, '$pxs', { get: () => $pxs, enumerable: false });
  Object.defineProperty(world, '$pxq', { get: () => $pxq, enumerable: false });
}

function realm() {
  const context = vm.createContext();
  const $262 = vm.runInContext(`({
    global: globalThis, evalScript: null, createRealm: null, gc() {}, destroyed: false, agent: {},
    AbstractModuleSource: function () {}, IsHTMLDDA: undefined,
  })`, context);
  const world = vm.runInContext('globalThis', context);
  $262.evalScript = (/** @type {string} */ text) => vm.runInContext(text, context);
  $262.createRealm = () => realm().$262;
  $262.detachArrayBuffer = (/** @type {ArrayBuffer} */ buffer) => structuredClone(buffer, { transfer: [buffer] });
  world.$262 = $262;
  return { context, world, $262 };
}

/** @param {any} test */
async function run(test) {
  const { context, world } = realm();
  if (test.probes) expose(world);
  if (test.probes) sources.add(test.path, test.original, test.code, test.spans);
  let printed = '';
  let done = false;
  world.print = (/** @type {unknown} */ line) => {
    printed += String(line);
    done = true;
  };
  world.setTimeout = setTimeout;
  for (const name of test.includes) vm.runInContext(texts.includes[name], context, { filename: name });
  const files = test.probes ? texts.probes : texts.plain;
  /** @type {Map<string, any>} */
  const modules = new Map();
  const { SourceTextModule, SyntheticModule } = /** @type {any} */ (vm);

  /** @param {string} file @param {string} [code] */
  function module(file, code) {
    let found = modules.get(file);
    if (found === undefined) {
      const text = code ?? files[file];
      if (text === undefined) throw new Error(`no module ${file}`);
      if (file.endsWith('.json')) {
        const value = JSON.parse(text);
        found = new SyntheticModule(['default'], /** @this {any} */ function () {
          this.setExport('default', value);
        }, { context, identifier: file });
      } else {
        found = new SourceTextModule(text, { context, identifier: file, importModuleDynamically });
      }
      modules.set(file, found);
    }
    return found;
  }
  /** @param {string} specifier @param {any} from */
  const link = (specifier, from) => module(path.posix.join(path.posix.dirname(from.identifier ?? test.path), specifier));
  /** @param {string} specifier @param {any} from */
  async function importModuleDynamically(specifier, from) {
    const found = link(specifier, from);
    if (found.status === 'unlinked') await found.link(link);
    await found.evaluate();
    return found;
  }

  rejected = undefined;
  const frame = test.probes && test.kind !== 'module' ? frames.enterInit(test.base) : null;
  let end = 'completed';
  try {
    if (test.kind === 'function') {
      const made = vm.compileFunction(test.code, ['exports', 'require', 'module', '__filename', '__dirname'], {
        parsingContext: context, filename: test.path, importModuleDynamically: /** @type {any} */ (importModuleDynamically),
      });
      const exported = {};
      made.call(exported, exported, require, { exports: exported }, '/f', '/');
    } else if (test.kind === 'script') {
      vm.runInContext(test.code, context, { filename: test.path, importModuleDynamically: /** @type {any} */ (importModuleDynamically) });
    } else {
      const main = module(test.path, test.code);
      await main.link(link);
      await main.evaluate();
    }
  } catch (error) {
    end = described(error);
  } finally {
    if (frame !== null) frames.exitInit(frame, end !== 'completed');
  }
  if (test.asynchronous && end === 'completed') {
    const deadline = Date.now() + PATIENCE_MS;
    // A program that does not report is over when nothing else is left to do, for which a few turns are enough.
    for (let turns = 0; !done && turns < 20 && Date.now() < deadline; turns++) {
      await new Promise((resolve) => setTimeout(resolve, turns < 10 ? 0 : 5));
    }
    end = `printed ${printed}`;
  } else {
    // Whatever it still imports must not be taken for the next program's doing.
    for (let turns = test.code.includes('import(') ? 5 : 1; turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
  }
  return rejected === undefined ? end : `${end}, rejected with ${described(rejected)}`;
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const test = JSON.parse(line);
    fs.writeSync(1, JSON.stringify({ id: test.id, begin: true }) + '\n');
    const end = await run(test);
    frames.closeAll();
    fs.writeSync(1, JSON.stringify({ id: test.id, end }) + '\n');
  }
  process.exit(0);
}

main();
