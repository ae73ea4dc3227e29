'use strict';

// Formatters of Intl, deep nesting and large arguments.

const { Router } = require('express');

const router = Router();
let calls = 0;

async function format(formatter, value) {
  return formatter.format(value);
}

async function depth(node) {
  let levels = 0;
  for (let at = node; at; at = at.next) levels += 1;
  return levels;
}

async function size(rows) {
  return rows.reduce((sum, row) => sum + row.text.length, 0);
}

router.get('/intl', async (req, res) => {
  calls += 1;
  res.send(await format(new Intl.NumberFormat('de-DE', { style: 'currency', currency: 'EUR' }), 1234.5));
});

router.get('/deep', async (req, res) => {
  calls += 1;
  let node = null;
  for (let i = 0; i < 20_000; i += 1) node = { next: node };
  res.json({ levels: await depth(node) });
});

router.get('/large', async (req, res) => {
  calls += 1;
  const rows = Array.from({ length: 30_000 }, (_, id) => ({ id, text: 'x'.repeat(id % 7) }));
  res.json({ size: await size(rows) });
});

module.exports = router;
