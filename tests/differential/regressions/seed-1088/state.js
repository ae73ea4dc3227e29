'use strict';
const { EventEmitter } = require('node:events');
const { burn } = require('./lib.js');
const st0 = new Set();
globalThis.st1 = { c: 0 };
class S_st2 { static total = 0; static last = null; static add(k) { S_st2.total += k; } }
const st3 = (function* () { let i = 0; for (;;) yield i++; })();
module.exports = { st0, S_st2, st3 };
