'use strict';

// Up to its first await a handler is not interrupted; what it reads after the await may have changed.

const { Router } = require('express');

const router = Router();
const stock = { left: 2 };

router.get('/take', async (req, res) => {
  if (stock.left === 0) {
    res.status(409).json({ sold: false });
    return;
  }
  stock.left -= 1;
  const promised = stock.left;
  await new Promise((resolve) => setTimeout(resolve, 15));
  res.json({ sold: true, promised, now: stock.left });
});

router.get('/left', (req, res) => res.json(stock));

router.get('/put', (req, res) => {
  stock.left = 2;
  res.json(stock);
});

module.exports = router;
