'use strict';

// Read, await, write: interleaved calls lose updates in the original, and must lose the same ones afterwards.

const { Router } = require('express');

const router = Router();
let total = 0;

function rest() {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

router.get('/add', async (req, res) => {
  const before = total;
  await rest();
  total = before + 1;
  res.json({ before });
});

router.get('/total', (req, res) => {
  res.json({ total });
});

module.exports = router;
