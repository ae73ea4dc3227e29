'use strict';
const timers = require('timers');
const { EventEmitter } = require('events');
const { Buffer: Kept } = require('buffer');
const out = process.stdout;
const names = ['Buffer', 'performance', 'process', 'console', 'setTimeout', 'setImmediate', 'setInterval', 'queueMicrotask', 'WeakRef', 'structuredClone', 'URL', 'TextDecoder', 'TextEncoder', 'AbortController'];
const said = names.filter((name) => typeof globalThis[name] !== 'undefined').length;
for (const name of names) delete globalThis[name];
const shared = new Map();
class Own extends EventEmitter {}
const own = new Own();
own.on('x', (n) => { shared.set(n, Kept.from(String(n)).toString('hex')); });
async function step(n) {
  own.emit('x', n);
  await null;
  return [...shared.values()].filter((each) => each.length > n).join();
}
timers.setTimeout(async () => {
  const found = [];
  for (let n = 0; n < 3; n += 1) found.push(await step(n));
  out.write(`${said} ${names.map((name) => typeof globalThis[name])} ${found}\n`);
}, 1);
