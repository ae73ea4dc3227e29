'use strict';

// Constants may be everywhere: nothing here holds a handler back.

const { Router } = require('express');

const router = Router();
const limits = Object.freeze({ most: 10, words: Object.freeze(['a', 'b']) });
const pattern = /^[a-z]+$/;

async function check(text) {
  return { fits: text.length < limits.most, word: pattern.test(text), known: limits.words.includes(text), frozen: Object.isFrozen(limits.words) };
}

router.get('/', async (req, res) => {
  res.json(await check('a'));
});

router.get('/nested', async (req, res) => {
  const { words: [first, ...rest] } = limits;
  res.json({ first, rest, check: await check('trap') });
});

module.exports = router;
