'use strict';

// Functions as arguments: called for their effect, for their result, several times, and by methods that use the result at once.

const { Router } = require('express');

const router = Router();
let calls = 0;

async function greet(name, done) {
  setTimeout(() => done(null, `hello ${name}`), 2);
}

async function transform(items, change) {
  const out = [];
  for (const item of items) out.push(change(item) + 1);
  return out;
}

async function count(limit, report) {
  for (let i = 0; i < limit; i += 1) report(i);
  await null;
  report('late');
  return 'done';
}

async function order(items, compare) {
  return items.slice().sort(compare);
}

async function spell(text, letter) {
  return text.replace(/[aeiou]/g, letter);
}

router.get('/callback', (req, res) => {
  calls += 1;
  greet('you', (error, text) => res.send(text));
});

router.get('/results', async (req, res) => {
  const factor = (calls += 1);
  res.json(await transform([1, 2, 3], (n) => n * factor));
});

router.get('/several', async (req, res) => {
  calls += 1;
  const seen = [];
  const result = await count(3, (n) => seen.push(n));
  res.json({ seen, result });
});

router.get('/sort', async (req, res) => {
  calls += 1;
  const rank = { b: 1, a: 2, c: 0 };
  res.json(await order(['a', 'b', 'c'], (x, y) => rank[x] - rank[y]));
});

router.get('/replace', async (req, res) => {
  calls += 1;
  res.send(await spell('a trap for letters', (letter) => letter.toUpperCase() + calls));
});

module.exports = router;
