// @ts-check
'use strict';

/**
 * Opens the inspector of an application's main thread on a free loopback port for the recorder, and writes
 * figures of the event loop twice a second. The inspector is closed at exit, so that it never holds it up.
 */

const fs = require('fs');
const path = require('path');
const { isMainThread } = require('worker_threads');

const PERIOD_MS = 500;
const directory = process.env.PIPETRACE_DIR;

/** Launchers (npm, npx …) run in processes of their own, whose scripts are not the application's. */
function isApplicationProcess() {
  try {
    const { app_root: root } = JSON.parse(fs.readFileSync(path.join(directory ?? '', 'config.json'), 'utf8'));
    return fs.realpathSync(process.argv[1]).startsWith(root + path.sep);
  } catch {
    return false;
  }
}

if (directory && isMainThread && isApplicationProcess()) {
  const inspector = require('inspector');
  const { monitorEventLoopDelay, PerformanceObserver } = require('perf_hooks');
  try {
    inspector.open(0, '127.0.0.1', false);
    const temporary = path.join(directory, `.inspector-${process.pid}`);
    fs.writeFileSync(temporary, JSON.stringify({ pid: process.pid, url: inspector.url() }));
    fs.renameSync(temporary, path.join(directory, `inspector-${process.pid}.json`));
    process.on('exit', () => inspector.close());
  } catch {
    // Without an inspector (built without, or already open) there is no CPU profile; all else is recorded.
  }

  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  let collected = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) collected += entry.duration;
  }).observe({ entryTypes: ['gc'] });
  const file = path.join(directory, `loop-${process.pid}.jsonl`);
  setInterval(() => {
    const row = {
      t: Date.now(),
      // The histogram counts its own period of 10 ms as delay.
      mean: Number.isFinite(delay.mean) ? Math.max(0, delay.mean - 1e7) : 0,
      max: Math.max(0, delay.max - 1e7),
      heap: process.memoryUsage().heapUsed,
      gc: Math.round(collected * 1e6),
    };
    delay.reset();
    collected = 0;
    try {
      fs.appendFileSync(file, `${JSON.stringify(row)}\n`);
    } catch {
      // The recorder is gone.
    }
  }, PERIOD_MS).unref();
}
