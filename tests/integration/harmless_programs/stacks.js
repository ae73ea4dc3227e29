#!/usr/bin/env node
'use strict';
const assert = require('assert');
function outer(o, f) { const inner = (x) => x.y.z; return inner(o) + f.g(); }
class K { #p = 1; get v() { return this.#p; } static s() { return new Error('in s'); } ['c' + 'd'](a, b = 2) { return [a, b]; } }
try { outer({}, 1); } catch (e) { console.log(e.stack); }
console.log(K.s().stack); console.log(outer.toString(), K.toString(), Object.getOwnPropertyDescriptor(K.prototype, 'v').get.toString(), K.prototype.cd + '', Function.prototype.toString + '', Function.prototype.toString.name);
try { const x = { y: 1 }; assert(x.y === 2); } catch (e) { console.log(e.message); }
try { [1].map((v) => { throw new RangeError('r' + v); }); } catch (e) { console.log(e.stack); }
Error.prepareStackTrace = (e, s) => s.map((c) => [c.getFileName(), c.getLineNumber(), c.getColumnNumber(), c.getFunctionName(), c.getTypeName(), String(c)].join('|')).slice(0, 2).join('\n');
console.log(new Error('u').stack); Error.prepareStackTrace = undefined;
setTimeout(() => { const list = [1]; list.forEach(function each(v) {	throw new TypeError('boom ' + v); }); }, 5);
