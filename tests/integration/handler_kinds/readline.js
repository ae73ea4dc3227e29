'use strict';
const readline = require('readline');
const { Readable } = require('stream');
const lines = () => Readable.from(['a\nb\n']);
readline.createInterface({ input: lines() }).on('line', function line() {}).on('close', function closed() {});
async function each() { for await (const one of readline.createInterface({ input: lines() })) void one; }
setTimeout(function begin() { each(); }, 1);
