// @ts-check
/**
 * Has Node load the application's files with guards. Files of the staged directory show what moves and nothing else; what
 * watches over state and constants concerns every assignment of the program, and would bury that.
 *
 * CommonJS: the loader of `.js` files reads a file and compiles it; in between stands what others have registered to change
 * texts, and before all of them the guards. ES modules: a hook, or a thread with hooks where Node has no others (load-hooks.js).
 */
'use strict';

const modules = require('node:module');
const path = require('node:path');
const { fileURLToPath, pathToFileURL } = require('node:url');
const { textFor, textsOf } = require('./guarded-texts.js');

/** @typedef {import('./guarded-texts.js').Text} Text */

/** @param {string} root the staged directory @param {{path: string, sha256: string, loaded?: string}[]} files that have guards */
function install(root, files) {
  const texts = textsOf(root, files);
  hookCommonJs(texts);
  if (!files.some((file) => file.loaded === 'module')) return;
  const { registerHooks, register } = /** @type {any} */ (modules);
  if (registerHooks) {
    registerHooks({
      /** @param {string} url @param {object} context @param {Function} next */
      load: (url, context, next) => guarded(texts, url, next(url, context)),
    });
  } else {
    register(pathToFileURL(path.join(__dirname, 'load-hooks.js')).href, { data: { texts: [...texts] } });
  }
}

/** @param {ReadonlyMap<string, Text>} texts */
function hookCommonJs(texts) {
  const { _extensions: extensions, prototype } = /** @type {any} */ (modules.Module);
  /** Modules whose text is the right one. @type {WeakSet<object>} */
  const given = new WeakSet();
  const load = extensions['.js'];
  /** @this {any} @param {any} module @param {string} file */
  extensions['.js'] = function (module, file) {
    const text = texts.get(file);
    if (text) {
      const own = Object.getOwnPropertyDescriptor(module, '_compile');
      /** @param {string} content @param {any[]} rest */
      module._compile = (content, ...rest) => {
        if (own) Object.defineProperty(module, '_compile', own);
        else delete module._compile;
        given.add(module);
        return module._compile(textFor(text, file, content), ...rest);
      };
    }
    return Reflect.apply(load, this, [module, file]);
  };
  const compile = prototype._compile;
  /** @this {any} @param {string} content @param {string} file @param {any[]} rest */
  prototype._compile = function (content, file, ...rest) {
    const text = given.has(this) ? undefined : texts.get(file);
    return Reflect.apply(compile, this, [text ? textFor(text, file, content) : content, file, ...rest]);
  };
}

/**
 * @param {ReadonlyMap<string, Text>} texts @param {string} url
 * @param {{source?: string | ArrayBuffer | Uint8Array | null}} loaded
 * @returns {{source?: string | ArrayBuffer | Uint8Array | null}}
 */
function guarded(texts, url, loaded) {
  const { source } = loaded;
  if (source === undefined || source === null || !url.startsWith('file:')) return loaded;
  const file = fileURLToPath(url);
  const text = texts.get(file);
  if (!text) return loaded;
  const content = typeof source === 'string' ? source : Buffer.from(/** @type {any} */ (source)).toString('utf8');
  return { ...loaded, source: textFor(text, file, content) };
}

module.exports = { install, guarded };
