'use strict';

// Calls a function again and again, some calls at a time, and prints the CPU per call in µs, that of the main thread and
// that of the process: node main.js CALLS AT_A_TIME SIZE ROUNDS [text|bytes|records]. SIZE counts characters, bytes or
// records of three values. With WAIT_FOR_STAGE it first waits until calls leave the main thread.

const fs = require('node:fs');
const { work } = require('./work');

const [calls, flight, size, rounds] = process.argv.slice(2, 6).map(Number);
const shape = process.argv[6] ?? 'text';
const cpu = () => Number(fs.readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1000;

const make = {
  text: () => 'x'.repeat(size),
  bytes: () => Buffer.alloc(size, 'x'),
  records: () => Array.from({ length: size }, (_, id) => ({ id, name: `record ${id}`, ready: id % 2 === 0 })),
};

async function one(data, spin) {
  const result = await work(data, spin);
  return result.thread;
}

async function chain(count, data) {
  let last = '';
  for (let i = 0; i < count; i += 1) last = await one(data, rounds);
  return last;
}

function series(count) {
  const data = make[shape]();
  return Promise.all(Array.from({ length: flight }, () => chain(Math.ceil(count / flight), data)));
}

async function measure() {
  const here = fs.readlinkSync('/proc/thread-self');
  while (process.env.WAIT_FOR_STAGE && await one('ready?', 0) === here) await new Promise(setImmediate);
  await series(calls / 2);
  const [before, all] = [cpu(), process.cpuUsage()];
  await series(calls);
  const { user, system } = process.cpuUsage(all);
  console.log(((cpu() - before) / calls).toFixed(2), ((user + system) / calls).toFixed(2));
  process.exit(0);
}

setTimeout(measure, 1);
