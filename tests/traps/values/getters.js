'use strict';

// A getter and a Proxy give another value at each look; copied, they would give one.

const { Router } = require('express');

const router = Router();
let calls = 0;

async function look(thing) {
  return [thing.next, thing.next, thing.next];
}

async function peek(thing) {
  return [thing.a, thing.b, 'a' in thing];
}

router.get('/getter', async (req, res) => {
  calls += 1;
  let n = 0;
  const thing = { get next() { n += 1; return n; } };
  res.json({ seen: await look(thing), n });
});

router.get('/proxy', async (req, res) => {
  calls += 1;
  const asked = [];
  const thing = new Proxy({}, { get: (target, key) => { if (typeof key === 'string') asked.push(key); return `${String(key)}!`; }, has: () => true });
  res.json({ seen: await peek(thing), asked: asked.filter((key) => key !== 'then') });
});

module.exports = router;
