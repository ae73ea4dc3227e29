'use strict';

// A function keeps a reference to what it was given; the caller changes the object later.

const { Router } = require('express');

const router = Router();
const kept = [];

async function keep(thing) {
  kept.push(thing);
  return kept.length;
}

router.get('/', async (req, res) => {
  const thing = { state: 'before' };
  const length = await keep(thing);
  thing.state = 'after';
  res.json({ length });
});

router.get('/look', (req, res) => {
  res.json({ states: kept.map((thing) => thing.state) });
});

module.exports = router;
