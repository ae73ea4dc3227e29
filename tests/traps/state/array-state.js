'use strict';

// A list that one handler fills, and a heavy function that gets it as an argument.

const { Router } = require('express');

const router = Router();
const items = [];

async function weigh(list) {
  let sum = 0;
  for (let i = 0; i < 1000; i += 1) sum += list.reduce((total, item) => total + item.n, 0);
  return sum;
}

router.get('/add/:n', (req, res) => {
  items.push({ n: Number(req.params.n) });
  res.json({ length: items.length });
});

router.get('/heavy', async (req, res) => {
  res.json({ sum: await weigh(items) });
});

router.get('/all', (req, res) => {
  res.json(items);
});

module.exports = router;
