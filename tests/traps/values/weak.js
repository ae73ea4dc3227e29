'use strict';

// A WeakMap keyed by an object that travels knows only the object itself, not its copy.

const { Router } = require('express');

const router = Router();
let calls = 0;
const notes = new WeakMap();
const seen = new WeakSet();
const users = [{ id: 7 }];
const visits = new WeakMap();
seen.add(users[0]);

async function recall(key) {
  return { note: notes.get(key), seen: seen.has(key) };
}

router.get('/', async (req, res) => {
  calls += 1;
  const key = { id: 1 };
  notes.set(key, 'noted');
  seen.add(key);
  res.json(await recall(key));
});

router.get('/shared', async (req, res) => {
  calls += 1;
  visits.set(users[0], (visits.get(users[0]) || 0) + 1);
  res.json({ visits: visits.get(users[0]), recalled: await recall(users[0]) });
});

router.get('/visits', (req, res) => {
  res.json({ visits: visits.get(users[0]) });
});

router.get('/calls', (req, res) => {
  res.json({ calls });
});

module.exports = router;
