'use strict';

// A cache that fills itself: each stage with a cache of its own would answer the same, but count differently.

const { Router } = require('express');

const router = Router();
const known = new Map();

async function square(n) {
  if (!known.has(n)) known.set(n, n * n);
  return known.get(n);
}

router.get('/size', (req, res) => {
  res.json({ size: known.size });
});

router.get('/:n', async (req, res) => {
  res.json({ square: await square(Number(req.params.n)) });
});

module.exports = router;
