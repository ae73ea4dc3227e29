'use strict';

// Symbols as keys and values: registered, of a module, and made for one request.

const { Router } = require('express');

const router = Router();
const KIND = Symbol('kind');
let calls = 0;

async function read(thing, own) {
  return { kind: thing[KIND], registered: thing[Symbol.for('traps.reg')], own: thing[own], count: Object.getOwnPropertySymbols(thing).length };
}

router.get('/', async (req, res) => {
  calls += 1;
  const own = Symbol('mine');
  res.json(await read({ [KIND]: 'k', [Symbol.for('traps.reg')]: 'r', [own]: 'o', plain: 1 }, own));
});

router.get('/calls', (req, res) => {
  res.json({ calls });
});

module.exports = router;
