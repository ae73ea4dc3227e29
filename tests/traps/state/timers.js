'use strict';

// Order of timers, timers that somebody else clears, intervals, setImmediate.

const { Router } = require('express');

const router = Router();
let calls = 0;

router.get('/order', (req, res) => {
  calls += 1;
  const order = [];
  setTimeout(() => { order.push('third'); res.json(order); }, 30);
  setTimeout(() => { order.push('first'); }, 5);
  setTimeout(() => { order.push('second'); }, 5);
  setImmediate(() => { order.push('immediate'); });
  process.nextTick(() => { order.push('tick'); });
  queueMicrotask(() => { order.push('microtask'); });
});

router.get('/cleared', (req, res) => {
  calls += 1;
  let fired = false;
  const timer = setTimeout(() => { fired = true; }, 5);
  setTimeout(() => { clearTimeout(timer); }, 1);
  setTimeout(() => { res.json({ fired }); }, 25);
});

router.get('/interval', (req, res) => {
  calls += 1;
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
    if (ticks === 3) {
      clearInterval(timer);
      res.json({ ticks });
    }
  }, 2);
  timer.unref();
  timer.ref();
});

router.get('/refresh', (req, res) => {
  calls += 1;
  const order = [];
  const slow = setTimeout(() => { order.push('slow'); res.json(order); }, 20);
  setTimeout(() => { order.push('refreshed'); slow.refresh(); }, 5);
});

router.get('/immediate', (req, res) => {
  calls += 1;
  const handle = setImmediate(() => { res.write('never'); });
  clearImmediate(handle);
  setImmediate((word) => { res.end(`${word} ${calls > 0}`); }, 'immediate');
});

module.exports = router;
