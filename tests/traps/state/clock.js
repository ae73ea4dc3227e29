'use strict';

// Time never runs backwards between a handler and what it calls.

const { Router } = require('express');

const router = Router();
let calls = 0;

async function stamp() {
  return { wall: Date.now(), steady: performance.now() };
}

router.get('/', async (req, res) => {
  calls += 1;
  const before = Date.now();
  const steady = performance.now();
  const there = await stamp();
  const after = Date.now();
  const last = performance.now();
  res.json({ wall: before <= there.wall && there.wall <= after, steady: steady <= there.steady && there.steady <= last });
});

module.exports = router;
