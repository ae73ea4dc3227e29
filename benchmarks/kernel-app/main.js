'use strict';

// Calls a function again and again, some calls at a time, and prints the main thread's CPU per call in µs:
// node main.js CALLS AT_A_TIME BYTES ROUNDS. With WAIT_FOR_STAGE it first waits until calls leave the main thread.

const fs = require('node:fs');
const { work } = require('./work');

const [calls, flight, size, rounds] = process.argv.slice(2).map(Number);
const cpu = () => Number(fs.readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1000;

async function one(text, spin) {
  const result = await work(text, spin);
  return result.thread;
}

async function chain(count, text) {
  let last = '';
  for (let i = 0; i < count; i += 1) last = await one(text, rounds);
  return last;
}

function series(count) {
  const text = 'x'.repeat(size);
  return Promise.all(Array.from({ length: flight }, () => chain(Math.ceil(count / flight), text)));
}

async function measure() {
  const here = fs.readlinkSync('/proc/thread-self');
  while (process.env.WAIT_FOR_STAGE && await one('ready?', 0) === here) await new Promise(setImmediate);
  await series(calls / 2);
  const before = cpu();
  await series(calls);
  console.log(((cpu() - before) / calls).toFixed(2));
  process.exit(0);
}

setTimeout(measure, 1);
