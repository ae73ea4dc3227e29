'use strict';

// Middlewares run in their order, some of them late.

const { Router } = require('express');

const router = Router();

router.use((req, res, next) => {
  req.order = ['a'];
  setTimeout(next, 3);
});
router.use(async (req, res, next) => {
  await new Promise((resolve) => setTimeout(resolve, 1));
  req.order.push('b');
  next();
});
router.use((req, res, next) => {
  req.order.push('c');
  process.nextTick(next);
});
router.get('/', (req, res) => {
  res.json(req.order.concat('d'));
});

module.exports = router;
