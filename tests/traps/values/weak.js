'use strict';

// A WeakMap keyed by an object that travels knows only the object itself, not its copy.

const { Router } = require('express');

const router = Router();
const notes = new WeakMap();
const seen = new WeakSet();

async function recall(key) {
  return { note: notes.get(key), seen: seen.has(key) };
}

router.get('/', async (req, res) => {
  const key = { id: 1 };
  notes.set(key, 'noted');
  seen.add(key);
  res.json(await recall(key));
});

module.exports = router;
