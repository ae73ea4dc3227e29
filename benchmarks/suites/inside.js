'use strict';

// A server of one request: it runs a package's own mocha tests and answers with what became of each. Stages load the same
// files and run none of the tests, since nobody asks them.

const http = require('node:http');
const path = require('node:path');
const Mocha = require('mocha');

const { files, first } = JSON.parse(process.argv[2]);
for (const file of first) require(path.resolve(file));
const mocha = new Mocha({ reporter: class {}, timeout: 20000 });
for (const file of files) mocha.addFile(path.resolve(file));
mocha.loadFiles();

http.createServer((req, res) => {
  const results = [];
  const runner = mocha.run(() => res.end(JSON.stringify(results)));
  runner.on('pass', (test) => results.push([test.fullTitle(), 'passed', '']));
  runner.on('fail', (test, error) => results.push([test.fullTitle(), 'failed', String(error && error.stack).slice(0, 500)]));
  runner.on('pending', (test) => results.push([test.fullTitle(), 'skipped', '']));
}).listen(Number(process.env.PORT || 0), '127.0.0.1');
