'use strict';

// Two calls at the same time fill one collection; neither may put back what it got over what the other added.

const { Router } = require('express');

const router = Router();
let calls = 0;

async function fill(map, list, object, key) {
  await new Promise((resolve) => setTimeout(resolve, 3));
  map.set(key, key.toUpperCase());
  list.push(key);
  object[key] = true;
}

async function append(list, value) {
  list.push(value);
}

router.get('/', async (req, res) => {
  calls += 1;
  const map = new Map();
  const list = [];
  const object = {};
  await Promise.all([fill(map, list, object, 'a'), fill(map, list, object, 'b'), fill(map, list, object, 'c')]);
  res.json({ map: [...map].sort(), list: list.sort(), object: Object.keys(object).sort() });
});

router.get('/beside', async (req, res) => {
  calls += 1;
  const list = ['first'];
  const waiting = append(list, 'second');
  list.push('third');
  await waiting;
  res.json({ list });
});

router.get('/calls', (req, res) => {
  res.json({ calls });
});

module.exports = router;
