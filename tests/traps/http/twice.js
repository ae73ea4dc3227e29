'use strict';

// A heavy handler and light ones at the same time, of one and the same function.

const { Router } = require('express');

const router = Router();

async function answer(req, res) {
  if (req.path === '/wait') await new Promise((resolve) => setTimeout(resolve, 10));
  res.json({ path: req.path });
}

router.get('/wait', answer);
router.get('/now', answer);

module.exports = router;
