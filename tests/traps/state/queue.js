'use strict';

// A queue with one worker: order in, order out.

const { Router } = require('express');

const router = Router();
const waiting = [];
const done = [];
let busy = false;

async function drain() {
  busy = true;
  while (waiting.length > 0) {
    const next = waiting.shift();
    await new Promise((resolve) => setTimeout(resolve, 4 - next));
    done.push(next);
  }
  busy = false;
}

router.get('/push', (req, res) => {
  waiting.push(Number(req.query.n));
  if (!busy) drain();
  res.json({ pushed: req.query.n });
});

router.get('/drained', async (req, res) => {
  while (busy) await new Promise((resolve) => setTimeout(resolve, 2));
  res.json({ count: done.length, sum: done.splice(0).reduce((a, b) => a + b, 0) });
});

module.exports = router;
