'use strict';

// Made on first use, and only once.

const { Router } = require('express');

const router = Router();
let made = 0;
let instance = null;

function service() {
  if (!instance) {
    made += 1;
    instance = { id: `service ${made}`, uses: 0 };
  }
  return instance;
}

router.get('/', async (req, res) => {
  const one = service();
  one.uses += 1;
  res.json({ id: one.id, uses: one.uses });
});

router.get('/count', (req, res) => {
  res.json({ made });
});

module.exports = router;
