'use strict';

// Runs mocha tests in which an application that they require is the address of a server that runs it already, which is all
// that supertest needs to know. Prints what became of each test as JSON.

const Module = require('node:module');
const path = require('node:path');

const { files, first, application, address, mocha: home } = JSON.parse(process.argv[2]);
const load = Module._load;
Module._load = function (request, parent, isMain) {
  if (request.startsWith('.') && parent && path.resolve(path.dirname(parent.filename), request) === application) return address;
  return load.call(this, request, parent, isMain);
};
const Mocha = require(home);
for (const file of first) require(path.resolve(file));
const mocha = new Mocha({ reporter: class {}, timeout: 20000 });
for (const file of files) mocha.addFile(path.resolve(file));
const results = [];
const runner = mocha.run(() => process.stdout.write(`${JSON.stringify(results)}\n`, () => process.exit(0)));
runner.on('pass', (test) => results.push([test.fullTitle(), 'passed', '']));
runner.on('fail', (test, error) => results.push([test.fullTitle(), 'failed', String(error && error.stack).slice(0, 500)]));
runner.on('pending', (test) => results.push([test.fullTitle(), 'skipped', '']));
