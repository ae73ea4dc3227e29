'use strict';
const { EventEmitter } = require('node:events');
const { burn } = require('./lib.js');
const st0 = { items: [], count: 0 };
const registry_st0 = { main: st0, all: [st0] };
let st1 = 0.5;
function bump_st1(k) { st1 += k; }
const get_st1 = () => st1;
globalThis.st2 = { c: 0 };
module.exports = { st0, registry_st0, bump_st1, get_st1 };
