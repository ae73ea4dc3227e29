// @ts-check
'use strict';

/** Figures of a thread over time: heap size, event-loop delay, time in garbage collection. */

const process = require('process');
const fs = require('fs');
const { monitorEventLoopDelay, PerformanceObserver, performance } = require('perf_hooks');

const SAMPLE_MS = 500;
const RESOLUTION_MS = 20;

/**
 * Write heap size, event-loop delay and time in garbage collection now and then.
 * @param {string} file
 */
function sampling(file) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let collected = 0;
  const collections = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) collected += entry.duration;
  });
  collections.observe({ entryTypes: ['gc'] });

  /** @param {number} nanoseconds between two ticks of the histogram's timer */
  const late = (nanoseconds) => Math.max(0, Math.round(nanoseconds - RESOLUTION_MS * 1e6));

  function write() {
    const known = delay.count > 0;
    const line = JSON.stringify({
      t: performance.timeOrigin + performance.now(),
      heap: process.memoryUsage().heapUsed,
      mean: known ? late(delay.mean) : null,
      max: known ? late(delay.max) : null,
      gc: Math.round(collected * 1e6),
    });
    delay.reset();
    collected = 0;
    try {
      fs.appendFileSync(file, line + '\n');
    } catch {
      stop();
    }
  }

  const timer = setInterval(write, SAMPLE_MS);
  timer.unref();
  let running = true;

  function stop() {
    if (!running) return;
    running = false;
    clearInterval(timer);
    write();
    delay.disable();
    collections.disconnect();
  }

  return { stop };
}

module.exports = { sampling };
