// @ts-check
'use strict';

// Load for measurements: `node load.js CONFIG.json` sends groups of requests over keep-alive connections for a
// fixed time and prints latencies and rates as one JSON object. Each connection has one request in flight and
// takes the group's requests in turn. A group with a `rate` sends at fixed times, and a latency then counts from
// the time at which the request was due, so that a blocked server cannot hide its delay.
//
// CONFIG: {host, warmup_s, duration_s, answers?, groups: [{name, port, connections, rate?, requests: [base64 bytes]}]}
// With `answers` it ends when so many have come, at the latest after duration_s. Port 0 = environment PORT.

const fs = require('node:fs');
const net = require('node:net');

/**
 * @typedef {{name: string, port: number, connections: number, rate?: number, requests: string[]}} Group
 * @typedef {{host: string, warmup_s: number, duration_s: number, answers?: number, groups: Group[]}} Config
 * @typedef {{latencies: number[], answers: number, bytes: number, statuses: Record<string, number>, errors: number, cut: number}} Tally
 */

const HEAD_END = Buffer.from('\r\n\r\n');

/** Reads answers of one connection: finds where each ends, keeps nothing of it. */
class AnswerReader {
  /** @param {(status: number, close: boolean) => void} onAnswer */
  constructor(onAnswer) {
    this.onAnswer = onAnswer;
    /** @type {Buffer} */
    this.rest = Buffer.alloc(0);
    /** @type {'head' | 'counted' | 'size' | 'chunk' | 'trailer' | 'close'} */
    this.state = 'head';
    this.left = 0;
    this.status = 0;
    this.close = false;
    this.headOnly = false;
  }

  /** @param {Buffer} data */
  push(data) {
    let buffer = this.rest.length > 0 ? Buffer.concat([this.rest, data]) : data;
    for (;;) {
      if (this.state === 'head') {
        const end = buffer.indexOf(HEAD_END);
        if (end < 0) break;
        this.readHead(buffer.toString('latin1', 0, end));
        buffer = buffer.subarray(end + 4);
      } else if (this.state === 'counted' || this.state === 'chunk') {
        const taken = Math.min(this.left, buffer.length);
        this.left -= taken;
        buffer = buffer.subarray(taken);
        if (this.left > 0) break;
        if (this.state === 'counted') this.finish();
        else this.state = 'size';
      } else if (this.state === 'size' || this.state === 'trailer') {
        const end = buffer.indexOf('\r\n');
        if (end < 0) break;
        const line = buffer.toString('latin1', 0, end);
        buffer = buffer.subarray(end + 2);
        if (this.state === 'trailer') {
          if (line === '') this.finish();
        } else {
          const size = parseInt(line, 16);
          this.left = size + 2;
          this.state = size === 0 ? 'trailer' : 'chunk';
        }
      } else {
        buffer = buffer.subarray(buffer.length);
        break;
      }
    }
    this.rest = buffer;
  }

  /** @param {string} head */
  readHead(head) {
    this.status = Number(head.slice(9, 12));
    if (this.status >= 100 && this.status < 200) return;
    this.close = /\r\nconnection: *close/i.test(head) || head.startsWith('HTTP/1.0');
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    if (this.headOnly || this.status === 204 || this.status === 304) this.finish();
    else if (/\r\ntransfer-encoding: *chunked/i.test(head)) this.state = 'size';
    else if (length) {
      this.left = Number(length[1]);
      this.state = 'counted';
      if (this.left === 0) this.finish();
    } else this.state = 'close';
  }

  ended() {
    if (this.state === 'close') {
      this.close = true;
      this.finish();
    }
  }

  finish() {
    this.state = 'head';
    this.onAnswer(this.status, this.close);
  }
}

/**
 * @param {Config} config @param {Group} group @param {Buffer[]} requests @param {number} first index of the first request
 * @param {Tally} tally @param {{from: bigint, until: bigint, answered: () => void}} window
 * @returns {Promise<void>} settles when the window is over and nothing is in flight
 */
function client(config, group, requests, first, tally, window) {
  return new Promise((resolve) => {
    let next = first;
    /** @type {net.Socket | null} */
    let socket = null;
    /** @type {AnswerReader | null} */
    let reader = null;
    let due = process.hrtime.bigint();
    let busy = false;
    let failures = 0;
    const interval = group.rate ? BigInt(Math.round(1e9 * group.connections / group.rate)) : 0n;
    if (interval) due += (interval * BigInt(first % group.connections)) / BigInt(group.connections);

    /** @param {number} status @param {boolean} close */
    function answered(status, close) {
      const now = process.hrtime.bigint();
      if (due >= window.from) tally.latencies.push(Number(now - due) / 1e6);
      if (now >= window.from && now <= window.until) {
        tally.answers += 1;
        tally.statuses[status] = (tally.statuses[status] || 0) + 1;
        window.answered();
      }
      failures = 0;
      busy = false;
      if (close && socket) {
        socket.destroy();
        socket = null;
      }
      schedule();
    }

    function failed() {
      if (socket) socket.destroy();
      socket = null;
      if (!busy) return;
      busy = false;
      failures += 1;
      if (process.hrtime.bigint() >= window.from) tally.errors += 1;
      setTimeout(schedule, Math.min(500, 5 * failures));
    }

    function schedule() {
      const now = process.hrtime.bigint();
      if (now >= window.until) {
        if (socket) socket.destroy();
        resolve();
        return;
      }
      if (!interval) {
        due = now;
        send();
        return;
      }
      due += interval;
      if (due <= now) send();
      else setTimeout(send, Number(due - now) / 1e6);
    }

    function send() {
      if (process.hrtime.bigint() >= window.until) {
        schedule();
        return;
      }
      if (!interval) due = process.hrtime.bigint();
      busy = true;
      const request = requests[next % requests.length];
      next += 1;
      const open = socket && reader ? { socket, reader } : connect();
      open.reader.headOnly = request.subarray(0, 5).toString('latin1') === 'HEAD ';
      open.socket.write(request);
    }

    function connect() {
      const opened = net.connect({ host: config.host, port: group.port || Number(process.env.PORT), noDelay: true });
      const mine = new AnswerReader((status, close) => {
        if (socket === opened) answered(status, close);
      });
      reader = mine;
      socket = opened;
      opened.on('data', (data) => {
        tally.bytes += data.length;
        mine.push(data);
      });
      opened.on('end', () => mine.ended());
      opened.on('error', () => {});
      opened.on('close', () => {
        if (socket === opened) failed();
      });
      return { socket: opened, reader: mine };
    }

    // A request that hangs must not keep the measurement from ending.
    const late = Number(window.until - process.hrtime.bigint()) / 1e6 + 5000;
    const guard = setTimeout(() => {
      if (busy) tally.cut += 1;
      if (socket) socket.destroy();
      socket = null;
      resolve();
    }, late);
    guard.unref();
    schedule();
  });
}

/** @param {number[]} sorted @param {number} q @returns {number | null} */
function percentile(sorted, q) {
  if (sorted.length === 0) return null;
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))];
}

async function main() {
  /** @type {Config} */
  const config = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
  const start = process.hrtime.bigint();
  const from = start + BigInt(Math.round(config.warmup_s * 1e9));
  const window = { from, until: from + BigInt(Math.round(config.duration_s * 1e9)), answered: () => {} };
  /** @type {Map<string, Tally>} */
  const tallies = new Map();
  const clients = [];
  for (const group of config.groups) {
    /** @type {Tally} */
    const tally = { latencies: [], answers: 0, bytes: 0, statuses: {}, errors: 0, cut: 0 };
    tallies.set(group.name, tally);
    const requests = group.requests.map((text) => Buffer.from(text, 'base64'));
    for (let i = 0; i < group.connections; i += 1) {
      const first = Math.floor((i * requests.length) / group.connections);
      clients.push(client(config, group, requests, first, tally, window));
    }
  }
  // The reader of this output takes CPU times when the window opens and when it closes.
  setTimeout(() => process.stdout.write('{"event":"open"}\n'), config.warmup_s * 1000);
  const closed = new Promise((resolve) => {
    let left = config.answers || Infinity;
    let open = true;
    const close = () => {
      if (!open) return;
      open = false;
      const now = process.hrtime.bigint();
      if (now < window.until) window.until = now;
      process.stdout.write('{"event":"close"}\n');
      resolve(undefined);
    };
    window.answered = () => {
      left -= 1;
      if (left === 0) close();
    };
    setTimeout(close, (config.warmup_s + config.duration_s) * 1000);
  });
  await Promise.all([...clients, closed]);
  const seconds = Number(window.until - window.from) / 1e9;
  /** @type {Record<string, object>} */
  const groups = {};
  for (const [name, tally] of tallies) {
    const sorted = Float64Array.from(tally.latencies).sort();
    const list = /** @type {number[]} */ (/** @type {unknown} */ (sorted));
    groups[name] = {
      answers: tally.answers,
      per_second: tally.answers / seconds,
      p50_ms: percentile(list, 0.5),
      p99_ms: percentile(list, 0.99),
      max_ms: percentile(list, 1),
      statuses: tally.statuses,
      errors: tally.errors,
      unanswered: tally.cut,
      bytes: tally.bytes,
    };
  }
  process.stdout.write(`${JSON.stringify({ event: 'done', groups })}\n`);
}

if (require.main === module) {
  main().then(
    () => process.exit(0),
    (error) => {
      process.stderr.write(`${error.message}\n`);
      process.exit(1);
    },
  );
}

module.exports = { AnswerReader };
