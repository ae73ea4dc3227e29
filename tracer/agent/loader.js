// @ts-check
'use strict';

/**
 * Replaces the text of the application's modules by the instrumented one as they load.
 *
 * CommonJS passes through `Module.prototype._compile`. ES modules pass through synchronous hooks where Node
 * has them, else through a hooks thread (esm_hooks.js) that talks to the recorder by a channel of its own; those that
 * are required pass through both where there are hooks, else through `_compile` only. Types are stripped here,
 * because instrumenting needs JavaScript; that keeps all positions.
 */

const { Buffer } = require('buffer');
const Module = require('module');
const path = require('path');
const vm = require('vm');
const { fileURLToPath, pathToFileURL } = require('url');
const { MessageChannel, receiveMessageOnPort } = require('worker_threads');
const { state } = require('./state.js');
const { isApplication } = require('./decide.js');
const { Channel } = require('./channel.js');
const frames = require('./frames.js');
const sources = require('./sources.js');
const { disguise } = require('./disguise.js');
const { below } = require('./stacks.js');

/** Set while the hooks thread starts, because it loads the agent like any other thread. */
const HOOKS_THREAD = 'PIPETRACE_HOOKS_THREAD';

/** @param {string} directory the recorder's run directory @returns {() => number} ms that modules have waited so far */
function install(directory) {
  const channel = new Channel(directory);
  hookCommonJs(channel);
  hookModules(channel, directory);
  return () => channel.waited;
}

/** @param {Channel} channel */
function hookCommonJs(channel) {
  const prototype = /** @type {any} */ (Module.prototype);
  const compile = prototype._compile;
  const hooked = typeof (/** @type {any} */ (Module)).registerHooks === 'function';
  /** @this {any} */
  const replacement = function (/** @type {any} */ content, /** @type {any} */ filename, /** @type {unknown[]} */ ...rest) {
    const kind = typeof rest[0] === 'string' ? rest[0] : '';
    const isModule = kind.startsWith('module');
    if ((isModule && hooked) || typeof content !== 'string' || !isApplication(filename)) {
      return compile.call(this, content, filename, ...rest);
    }
    const text = kind.endsWith('typescript') ? stripped(content) : content;
    const form = isModule ? 'module' : kind.startsWith('commonjs') ? 'commonjs' : 'unknown';
    const answer = text === null ? { leave: '' } : channel.transform(filename, form, text);
    if ('leave' in answer) {
      return compile.call(this, content, filename, ...rest);
    }
    if (answer.format === 'module') {
      // The main module is read again as an ES module.
      if (this.id === '.') return compile.call(this, content, filename, ...rest);
      sources.add(filename, text ?? content, answer.code, answer.spans);
      return compile.call(this, answer.code, filename, 'module');
    }
    const why = answer.fresh ? refusal(answer.code, filename) : '';
    if (why !== '') {
      channel.refuse(filename, text ?? content, why);
      return compile.call(this, content, filename, ...rest);
    }
    sources.add(filename, text ?? content, answer.code, answer.spans);
    if (text !== content) rest[0] = 'commonjs';
    const frame = frames.enterInit(answer.function_base);
    let threw = true;
    try {
      // Nothing is caught here: an error must reach its handler, or the terminal, as it was thrown.
      const result = below(2, compile, this, [answer.code, filename, ...rest]);
      threw = false;
      return result;
    } finally {
      frames.exitInit(frame, threw);
    }
  };
  prototype._compile = disguise(replacement, compile);
}

/**
 * Why the engine does not take an instrumented text; '' when it does. Only looked at when a text is new.
 * @param {string} code @param {string} filename
 */
function refusal(code, filename) {
  try {
    vm.compileFunction(code, ['exports', 'require', 'module', '__filename', '__dirname'], { filename });
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * The text without its types; null where Node cannot do that.
 * @param {string} text
 * @returns {string | null}
 */
function stripped(text) {
  const { emitWarning } = process;
  // That the function is experimental is not what the application's users want to know.
  process.emitWarning = () => {};
  try {
    return /** @type {any} */ (Module).stripTypeScriptTypes(text);
  } catch {
    return null; // Node will say what is wrong with it
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** @param {Channel} channel @param {string} directory */
function hookModules(channel, directory) {
  const modules = /** @type {any} */ (Module);
  if (typeof modules.registerHooks === 'function') {
    const hooks = {
      /** @param {string} url @param {{conditions?: string[]}} context @param {Function} next */
      load(url, context, next) {
        const loaded = next(url, context);
        if (loaded.format === 'commonjs-typescript' && context.conditions?.includes('import') && isApplication(url)) {
          // Without a source it is loaded as if it were required.
          return { ...loaded, format: 'commonjs', source: null };
        }
        return url.startsWith('file:') ? instrumentModule(channel, url, loaded, sources.add) : loaded;
      },
    };
    const { registerHooks } = modules;
    let registered = registerHooks(hooks);
    stayLast('registerHooks', () => {
      registered.deregister();
      registered = registerHooks(hooks);
    });
  } else if (typeof modules.register === 'function') {
    const { port1, port2 } = new MessageChannel();
    const { register } = modules;
    const hooks = pathToFileURL(path.join(__dirname, 'esm_hooks.js')).href;
    process.env[HOOKS_THREAD] = '1';
    try {
      register(hooks, {
        data: { directory, appRoot: state.appRoot, include: state.include, port: port2 },
        transferList: [port2],
      });
      port1.unref();
      sources.onLookup(() => {
        for (;;) {
          const sent = receiveMessageOnPort(port1);
          if (sent === undefined) return;
          const [file, original, code, spans] = sent.message;
          sources.add(file, original, code, spans);
        }
      });
    } finally {
      delete process.env[HOOKS_THREAD];
    }
    stayLast('register', () => register(hooks));
  }
}

/**
 * Hooks that are registered last are called first, and get what all others have made of a module: compiled text.
 * @param {string} name of the function that registers hooks
 * @param {() => void} again registers ours anew
 */
function stayLast(name, again) {
  const modules = /** @type {any} */ (Module);
  const original = modules[name];
  /** @this {unknown} */
  const replacement = function (/** @type {unknown[]} */ ...args) {
    const result = below(2, original, this, args);
    again();
    return result;
  };
  modules[name] = disguise(replacement, original);
}

/**
 * @param {Channel} channel
 * @param {string} url
 * @param {{format?: string, source?: string | Buffer | Uint8Array | null}} loaded
 * @param {typeof sources.add} keep takes the texts
 */
function instrumentModule(channel, url, loaded, keep) {
  const format = loaded.format;
  if ((format !== 'module' && format !== 'module-typescript') || !loaded.source) return loaded;
  const file = fileURLToPath(url);
  if (!isApplication(file)) return loaded;
  let source = typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source).toString('utf8');
  if (format === 'module-typescript') {
    const text = stripped(source);
    if (text === null) return loaded;
    source = text;
  }
  const answer = channel.transform(file, 'module', source);
  if ('leave' in answer) return loaded;
  keep(file, source, answer.code, answer.spans);
  return { ...loaded, format: 'module', source: answer.code };
}

module.exports = { install, instrumentModule, HOOKS_THREAD };
