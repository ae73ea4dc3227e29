// @ts-check
'use strict';

// Counters, timers, gauges and sets as datagrams, questions to the management port, and all of it again after a flush:
// node statsd.js PORT MANAGEMENT_PORT

const dgram = require('node:dgram');
const net = require('node:net');
const timers = require('node:timers/promises');

const [port, management] = /** @type {[number, number]} */ (process.argv.slice(2).map(Number));
const KINDS = ['hits:1|c', 'hits:2|c|@0.5', 'latency:320|ms', 'queue:7|g', 'queue:+3|g', 'users:u4|s', 'a:1|c\nb:2|c'];
const BURST = 25;

/** @param {number} count of datagrams, in bursts that a busy receiver can keep up with */
async function send(count) {
  const socket = dgram.createSocket('udp4');
  for (let number = 0; number < count; number += 1) {
    socket.send(`app${number % 20}.${KINDS[number % KINDS.length]}`, port, '127.0.0.1');
    if (number % BURST === 0) await timers.setTimeout(5);
  }
  socket.close();
}

/** @param {string} question @returns {Promise<string>} */
function ask(question) {
  return new Promise((resolve, reject) => {
    let answer = '';
    const client = net.connect(management, '127.0.0.1', () => client.write(`${question}\n`));
    client.setEncoding('utf8');
    client.on('error', reject);
    client.on('data', (data) => {
      answer += data;
      if (!answer.includes('END')) return;
      client.end('quit\n');
      resolve(answer);
    });
  });
}

/** Wait until a flush has set the counters to zero. */
async function flushed() {
  for (let tries = 0; tries < 100; tries += 1) {
    if (!/app\d+\S*: [1-9]/.test(await ask('counters'))) return;
    await timers.setTimeout(200);
  }
  throw new Error('the counters were never flushed');
}

async function main() {
  for (let round = 0; round < 3; round += 1) {
    await send(500);
    await ask('gauges');
    await flushed();
  }
}

main().catch((error) => {
  console.error(`load: ${error.message}`);
  process.exitCode = 1;
});
