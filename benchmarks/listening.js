// @ts-check
'use strict';

// Loaded with --require: when the process begins to listen, one JSON line goes to the file that BENCHMARK_LISTENING
// names: {pid, port, host, start_up_ms since the process began, start_up_cpu_ms}.

const fs = require('node:fs');
const net = require('node:net');
const { isMainThread } = require('node:worker_threads');

const file = process.env.BENCHMARK_LISTENING;
if (file && isMainThread) {
  const listen = net.Server.prototype.listen;
  /** @this {net.Server} @param {...any} rest */
  net.Server.prototype.listen = function (...rest) {
    this.once('listening', () => {
      const address = this.address();
      if (address === null || typeof address === 'string') return;
      const used = process.cpuUsage();
      const line = {
        pid: process.pid, port: address.port, host: address.family === 'IPv6' ? '::1' : '127.0.0.1', http: typeof (/** @type {any} */ (this).setTimeout) === 'function',
        start_up_ms: performance.now(), start_up_cpu_ms: (used.user + used.system) / 1000,
      };
      fs.appendFileSync(file, `${JSON.stringify(line)}\n`);
    });
    return listen.apply(this, /** @type {any} */ (rest));
  };
}
