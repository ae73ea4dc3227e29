'use strict';

// One property of an object is state, the others never change; what only looks at those still sees the one object.

const { Router } = require('express');

const router = Router();
const site = { name: 'traps', hits: 0, links: ['a', 'b'] };
const words = { many: 'hits' };

async function title(n) {
  return `${site.name} ${site.links.length} ${n}`;
}

async function plural(n) {
  return `${n} ${words.many}`;
}

router.get('/hit', (req, res) => {
  site.hits += 1;
  res.json({ hits: site.hits });
});

router.get('/title', async (req, res) => {
  res.send(await title(1));
});

router.get('/plural', async (req, res) => {
  res.send(await plural(site.hits));
});

module.exports = router;
