// @ts-check
'use strict';

/**
 * Replaces the text of the application's modules by the instrumented one as they load.
 *
 * CommonJS passes through `Module.prototype._compile`. ES modules pass through synchronous hooks where Node
 * has them, else through a hooks thread (esm_hooks.js) that talks to the recorder by a channel of its own.
 */

const Module = require('module');
const path = require('path');
const { fileURLToPath, pathToFileURL } = require('url');
const { state, problem } = require('./state.js');
const { isApplication } = require('./decide.js');
const { Channel } = require('./channel.js');
const frames = require('./frames.js');

/** Set while the hooks thread starts, because it loads the agent like any other thread. */
const HOOKS_THREAD = 'PIPETRACE_HOOKS_THREAD';

/** Files whose instrumented head ran. @type {Set<number>} */
const begun = new Set();

/** @param {string} directory the recorder's run directory */
function install(directory) {
  const channel = new Channel(directory);
  hookCommonJs(channel);
  hookModules(channel, directory);
}

/** @param {Channel} channel */
function hookCommonJs(channel) {
  const prototype = /** @type {any} */ (Module.prototype);
  const compile = prototype._compile;
  /** @param {string} content @param {string} filename @param {...unknown} rest */
  prototype._compile = function _compile(content, filename, ...rest) {
    if (rest[0] === 'module' || typeof content !== 'string' || !isApplication(filename)) {
      return compile.call(this, content, filename, ...rest);
    }
    const answer = channel.transform(filename, 'commonjs', content);
    if ('leave' in answer) {
      return compile.call(this, content, filename, ...rest);
    }
    const frame = frames.enterInit(answer.function_base);
    let threw = true;
    try {
      const result = compile.call(this, answer.code, filename, ...rest);
      threw = false;
      return result;
    } catch (error) {
      if (!(error instanceof SyntaxError) || begun.has(answer.file_id)) throw error;
      // The instrumented text does not compile: the application must run all the same.
      problem('parse', answer.file_id, 0, `the instrumented text does not compile (${error.message})`);
      const result = compile.call(this, content, filename, ...rest);
      threw = false;
      return result;
    } finally {
      frames.exitInit(frame, threw);
    }
  };
}

/** @param {Channel} channel @param {string} directory */
function hookModules(channel, directory) {
  const modules = /** @type {any} */ (Module);
  if (typeof modules.registerHooks === 'function') {
    modules.registerHooks({
      /** @param {string} url @param {object} context @param {Function} next */
      load(url, context, next) {
        const loaded = next(url, context);
        return url.startsWith('file:') ? instrumentModule(channel, url, loaded) : loaded;
      },
    });
  } else if (typeof modules.register === 'function') {
    process.env[HOOKS_THREAD] = '1';
    try {
      modules.register(pathToFileURL(path.join(__dirname, 'esm_hooks.js')).href, {
        data: { directory, appRoot: state.appRoot },
      });
    } finally {
      delete process.env[HOOKS_THREAD];
    }
  }
}

/**
 * @param {Channel} channel
 * @param {string} url
 * @param {{format?: string, source?: string | Buffer | Uint8Array | null}} loaded
 */
function instrumentModule(channel, url, loaded) {
  const format = loaded.format;
  if ((format !== 'module' && format !== 'module-typescript') || !loaded.source) return loaded;
  const file = fileURLToPath(url);
  if (!isApplication(file)) return loaded;
  let source = typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source).toString('utf8');
  if (format === 'module-typescript') {
    source = /** @type {any} */ (Module).stripTypeScriptTypes(source);
  }
  const answer = channel.transform(file, 'module', source);
  return 'leave' in answer ? loaded : { ...loaded, format: 'module', source: answer.code };
}

/** Note that a file's instrumented text compiled and runs. @param {number} file */
function begin(file) {
  begun.add(file);
}

module.exports = { install, begin, instrumentModule, HOOKS_THREAD };
