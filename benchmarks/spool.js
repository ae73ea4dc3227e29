// @ts-check
'use strict';

// Writes records with the agent's own spool, as an application with many small events would: `node spool.js FOLDER
// RECORDS FUNCTIONS`. Every eighth record begins a chain. Prints what writing them took.

const { Spool } = require('../tracer/agent/spool.js');

const [, , folder, records, functions] = process.argv;
const spool = new Spool(folder);
const count = Number(records);
spool.line({
  t: 'process', pid: process.pid, ppid: process.ppid, tid: 0, worker: false, argv: process.argv, node: process.version,
  origin: performance.timeOrigin, start: 0,
});
spool.line({ t: 'init', end: 1 });
const timer = spool.string('timer');
const event = spool.string('setInterval');
const trigger = spool.string('Timeout');
const begun = process.cpuUsage();
const wall = performance.now();
for (let id = 1; id <= count; id += 1) {
  const root = id - ((id - 1) % 8);
  const first = id === root;
  const at = 2 + id * 0.001;
  if (first) spool.chain(id, timer, event, at);
  const cost = 0.0005 + ((id * 2654435761) % 1000) * 1e-6;
  spool.invocation(id, 1 + (id % Number(functions)), first ? 0 : id - 1, root, 0, first ? trigger << 8 : 0, at, cost, cost);
}
spool.line({ t: 'exit', end: 3 + count * 0.001, code: 0, lost: spool.lost });
spool.flush();
const used = process.cpuUsage(begun);
process.stdout.write(JSON.stringify({
  records: count, cpu_s: (used.user + used.system) / 1e6, wall_s: (performance.now() - wall) / 1000,
  rss_mb: process.resourceUsage().maxRSS / 1024, bytes: spool.bytesWritten,
}));
