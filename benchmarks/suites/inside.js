'use strict';

// A server of one kind of request: it runs a package's own tests and answers with what became of each. Stages load the same
// files and run none of the tests, since nobody asks them.

const http = require('node:http');
const Module = require('node:module');
const path = require('node:path');

const TIMEOUT_MS = 20000;
const { files, first, runner } = JSON.parse(process.argv[2]);

/** @param {any} error */
const cut = (error) => String((error && error.stack) || error).slice(0, 500);

/** Tests of mocha. @returns {(told: (results: [string, string, string][]) => void) => void} */
function mocha() {
  const Mocha = require('mocha');
  const suite = new Mocha({ reporter: class {}, timeout: TIMEOUT_MS });
  for (const file of files) suite.addFile(path.resolve(file));
  suite.loadFiles();
  return (told) => {
    const results = [];
    const running = suite.run(() => told(results));
    running.on('pass', (test) => results.push([test.fullTitle(), 'passed', '']));
    running.on('fail', (test, error) => results.push([test.fullTitle(), 'failed', cut(error)]));
    running.on('pending', (test) => results.push([test.fullTitle(), 'skipped', '']));
  };
}

/** Tests of node:test, which would begin as soon as they are defined. @returns {(told: (results: [string, string, string][]) => void) => void} */
function node() {
  const real = require('node:test');
  /** Definitions of the file that is loaded. @type {[Function, unknown[]][] | null} */
  let defined = null;
  const later = (define) => function (...args) {
    if (defined === null) return define.apply(this, args);
    if (define !== real.before && define !== real.after && typeof args.at(-1) === 'function' && typeof args.at(-2) !== 'object') {
      args.splice(-1, 0, { timeout: TIMEOUT_MS });
    }
    defined.push([define, args]);
    return Promise.resolve();
  };
  const stand = Object.assign(later(real), real);
  for (const name of ['test', 'it', 'describe', 'suite', 'before', 'after', 'beforeEach', 'afterEach']) {
    if (typeof real[name] !== 'function') continue;
    stand[name] = name === 'test' ? stand : later(real[name]);
    for (const kind of ['skip', 'todo', 'only']) if (real[name][kind]) stand[name][kind] = later(real[name][kind]);
  }
  const load = Module._load;
  Module._load = function (request, parent, isMain) {
    return request === 'node:test' ? stand : load.call(this, request, parent, isMain);
  };
  const all = files.map((file) => {
    defined = [];
    require(path.resolve(file));
    return [file, defined];
  });
  defined = null;
  return async (told) => {
    const results = [];
    for (const [file, definitions] of all) {
      await new Promise((ended) => {
        globalThis.heard = ({ type, data }) => {
          if (type !== 'test:pass' && type !== 'test:fail') return;
          if (data.nesting === 0) ended();
          else {
            const word = data.skip || data.todo ? 'skipped' : type === 'test:pass' ? 'passed' : 'failed';
            results.push([`${file} ${data.nesting} ${data.name}`, word, word === 'failed' ? cut(data.details.error?.cause ?? data.details.error) : '']);
          }
        };
        real.describe(file, () => { for (const [define, args] of definitions) define(...args); });
      });
    }
    told(results);
  };
}

const server = http.createServer((req, res) => run((results) => res.end(JSON.stringify(results))));
// Before the tests' own servers, so that it is the program's first one.
server.listen(Number(process.env.PORT || 0), '127.0.0.1');
for (const file of first) require(path.resolve(file));
const run = runner === 'node' ? node() : mocha();
