// @ts-check
'use strict';

// Loads servers in short turns, so that what disturbs the machine disturbs them alike: reads one JSON object a line,
// {pid, port, host, connections, answers, requests: [base64]}, sends that many requests, waits until the server has
// fallen silent, and prints {cpu_ns, answers, failures, wall_ms, p50_ms, p99_ms}. CPU time is that of all threads of the process
// (Linux: /proc/PID/task/*/schedstat).

const fs = require('node:fs');
const net = require('node:net');
const readline = require('node:readline');
const { AnswerReader } = require('../runner/load.js');

/** @typedef {{pid: number, port: number, host: string, connections: number, answers: number, requests: string[]}} Turn */

/** @param {number} pid @returns {number} nanoseconds of all its threads so far */
function cpuOf(pid) {
  let total = 0;
  for (const thread of fs.readdirSync(`/proc/${pid}/task`)) {
    try {
      total += Number(fs.readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]);
    } catch {
      // a thread that has just ended
    }
  }
  return total;
}

/** @param {Turn} turn @param {Buffer[]} requests @param {{left: number, next: number, failures: number, latencies: number[]}} shared */
function client(turn, requests, shared) {
  return new Promise((resolve) => {
    let begun = 0n;
    const socket = net.connect({ host: turn.host, port: turn.port, noDelay: true });
    const reader = new AnswerReader((status, close) => {
      shared.latencies.push(Number(process.hrtime.bigint() - begun) / 1e6);
      if (status >= 500 || close) shared.failures += 1;
      if (close) socket.destroy();
      else send();
    });
    function send() {
      if (shared.left <= 0) {
        socket.end();
        return;
      }
      shared.left -= 1;
      const request = requests[shared.next++ % requests.length];
      reader.headOnly = request.subarray(0, 5).toString('latin1') === 'HEAD ';
      begun = process.hrtime.bigint();
      socket.write(request);
    }
    socket.on('connect', send);
    socket.on('data', (data) => reader.push(data));
    socket.on('error', () => { shared.failures += 1; });
    socket.on('close', resolve);
  });
}

/** @param {Turn} turn */
async function take(turn) {
  const requests = turn.requests.map((text) => Buffer.from(text, 'base64'));
  const shared = { left: turn.answers, next: 0, failures: 0, latencies: /** @type {number[]} */ ([]) };
  const before = cpuOf(turn.pid);
  const begun = process.hrtime.bigint();
  await Promise.all(Array.from({ length: turn.connections }, () => client(turn, requests, shared)));
  const wall = Number(process.hrtime.bigint() - begun) / 1e6;
  const cpu = cpuOf(turn.pid) - before;
  const sorted = shared.latencies.sort((a, b) => a - b);
  const at = (/** @type {number} */ q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? null;
  return { cpu_ns: cpu, answers: sorted.length, failures: shared.failures, wall_ms: wall, p50_ms: at(0.5), p99_ms: at(0.99) };
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await take(JSON.parse(line)))}\n`);
  }
}

main();
