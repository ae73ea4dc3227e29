// @ts-check
'use strict';

// A server unchanged, several times, by Node's cluster module: node cluster.js WORKERS script [arguments …]
// Every worker has its own memory, so sessions, caches and counters of the application come apart.

/** @type {import('node:cluster').Cluster} */
const cluster = /** @type {any} */ (require('node:cluster'));
const path = require('node:path');

const [workers, script, ...args] = process.argv.slice(2);

cluster.setupPrimary({ exec: path.resolve(script), args });
for (let i = 0; i < Number(workers); i += 1) cluster.fork();

cluster.on('exit', (worker, code, signal) => {
  process.stderr.write(`cluster: worker ${worker.process.pid} ended (${signal || code})\n`);
  process.exit(1);
});

process.on('SIGTERM', () => {
  cluster.removeAllListeners('exit');
  for (const worker of Object.values(cluster.workers || {})) if (worker) worker.kill();
  process.exit(0);
});
