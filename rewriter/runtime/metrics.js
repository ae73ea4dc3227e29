// @ts-check
/** Counts and times of moved handlers and links, as an object and as Prometheus text. */
'use strict';

const { violationCount } = require('./violations.js');

/** Upper bounds in seconds of the latency histogram. */
const BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * @typedef {object} Counters
 * @property {string} id
 * @property {string} stage
 * @property {number} sent  calls sent to the stage
 * @property {number} local  calls run here because no replica could take them
 * @property {number} misfit  calls run here because a value could not travel
 * @property {number} refused  calls run here because the stage lacked something
 * @property {number} failed  calls answered with an error because the stage died or was too slow
 * @property {number} seconds  sum of the times from call to result
 * @property {number[]} buckets
 */

/** @type {Map<string, Counters>} */
const counters = new Map();
/** @type {() => any[]} */
let describeReplicas = () => [];

/** @param {string} id @param {string} stage @returns {Counters} */
function countersOf(id, stage) {
  let found = counters.get(id);
  if (!found) {
    found = { id, stage, sent: 0, local: 0, misfit: 0, refused: 0, failed: 0, seconds: 0, buckets: new Array(BOUNDS.length + 1).fill(0) };
    counters.set(id, found);
  }
  return found;
}

/** @param {Counters} c @param {number} seconds */
function observe(c, seconds) {
  c.seconds += seconds;
  let i = 0;
  while (i < BOUNDS.length && seconds > /** @type {number} */ (BOUNDS[i])) i += 1;
  c.buckets[i] = (c.buckets[i] || 0) + 1;
}

/** @param {() => any[]} describe figures of each replica */
function setReplicas(describe) {
  describeReplicas = describe;
}

/** @returns {{handlers: any[], replicas: any[], violations: number, cpuSeconds: number, rssBytes: number}} */
function metrics() {
  const cpu = process.cpuUsage();
  return {
    handlers: [...counters.values()].map(({ buckets, ...rest }) => ({ ...rest, buckets: [...buckets] })),
    replicas: describeReplicas(),
    violations: violationCount(),
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    rssBytes: process.memoryUsage.rss(),
  };
}

/** @param {string} text @returns {string} */
function label(text) {
  return text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}

/** @returns {string} Prometheus exposition format */
function prometheus() {
  const now = metrics();
  const lines = ['# HELP pipetrace_calls_total Calls of moved handlers by what became of them.', '# TYPE pipetrace_calls_total counter'];
  for (const c of now.handlers) {
    for (const outcome of ['sent', 'local', 'misfit', 'refused', 'failed']) {
      lines.push(`pipetrace_calls_total{handler="${label(c.id)}",stage="${label(c.stage)}",outcome="${outcome}"} ${c[outcome]}`);
    }
  }
  lines.push('# HELP pipetrace_call_seconds Time from call to result on the entry stage.', '# TYPE pipetrace_call_seconds histogram');
  for (const c of now.handlers) {
    const labels = `handler="${label(c.id)}",stage="${label(c.stage)}"`;
    let sum = 0;
    BOUNDS.forEach((bound, i) => {
      sum += c.buckets[i];
      lines.push(`pipetrace_call_seconds_bucket{${labels},le="${bound}"} ${sum}`);
    });
    sum += c.buckets[BOUNDS.length];
    lines.push(`pipetrace_call_seconds_bucket{${labels},le="+Inf"} ${sum}`,
      `pipetrace_call_seconds_sum{${labels}} ${c.seconds}`, `pipetrace_call_seconds_count{${labels}} ${sum}`);
  }
  /** @type {[string, string, string][]} */
  const gauges = [['up', 'ready', '1 if the replica takes calls.'], ['outstanding', 'outstanding', 'Calls without a result.'],
    ['restarts', 'restarts', 'Times the replica was started again.'], ['utilization', 'utilization', 'Share of time its event loop was busy.']];
  for (const [name, field, help] of gauges) {
    lines.push(`# HELP pipetrace_replica_${name} ${help}`, `# TYPE pipetrace_replica_${name} gauge`);
    for (const replica of now.replicas) {
      lines.push(`pipetrace_replica_${name}{stage="${label(replica.stage)}",replica="${replica.replica}"} ${Number(replica[field])}`);
    }
  }
  lines.push('# TYPE pipetrace_violations_total counter', `pipetrace_violations_total ${now.violations}`,
    '# TYPE process_cpu_seconds_total counter', `process_cpu_seconds_total ${now.cpuSeconds}`,
    '# TYPE process_resident_memory_bytes gauge', `process_resident_memory_bytes ${now.rssBytes}`);
  return `${lines.join('\n')}\n`;
}

/**
 * Serves the Prometheus text on the port that PIPETRACE_METRICS_PORT names; of port 0, the one that it got is written to
 * the file that PIPETRACE_METRICS_FILE names.
 * @param {string | undefined} port
 */
function serve(port) {
  if (!port) return;
  const http = require('node:http');
  const server = http.createServer();
  Object.defineProperty(server, Symbol.for('pipetrace.own'), { value: true });
  server.on('request', (_request, response) => {
    response.setHeader('Content-Type', 'text/plain; version=0.0.4; charset=utf-8');
    response.end(prometheus());
  });
  server.on('error', (error) => require('./violations.js').note(`no metrics on port ${port}: ${error.message}.`));
  const file = process.env.PIPETRACE_METRICS_FILE;
  if (file) {
    server.on('listening', () => {
      const { port: got } = /** @type {import('node:net').AddressInfo} */ (server.address());
      require('node:fs').writeFileSync(file, `${got}\n`);
    });
  }
  server.listen(Number(port), process.env.PIPETRACE_METRICS_HOST || '127.0.0.1').unref();
}

module.exports = { countersOf, observe, setReplicas, metrics, prometheus, serve };
