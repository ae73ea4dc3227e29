'use strict';

// Generators and iterators as arguments and as results, Symbol.asyncIterator.

const { Router } = require('express');

const router = Router();
let calls = 0;

function* naturals(limit) {
  for (let i = 0; i < limit; i += 1) yield i;
}

async function total(numbers) {
  let sum = 0;
  for (const n of numbers) sum += n;
  return sum;
}

async function collect(source) {
  const out = [];
  for await (const item of source) out.push(item);
  return out;
}

async function walk(limit) {
  return naturals(limit);
}

class Range {
  constructor(from, to) {
    this.from = from;
    this.to = to;
  }

  * [Symbol.iterator]() {
    for (let n = this.from; n < this.to; n += 1) yield n;
  }
}

router.get('/generator', async (req, res) => {
  calls += 1;
  const numbers = naturals(5);
  numbers.next();
  res.json({ sum: await total(numbers), done: numbers.next().done });
});

router.get('/iterable', async (req, res) => {
  calls += 1;
  res.json({ sum: await total(new Range(2, 6)) });
});

router.get('/async', async (req, res) => {
  calls += 1;
  async function* ticks() {
    yield 'one';
    await null;
    yield 'two';
  }
  res.json(await collect(ticks()));
});

router.get('/result', async (req, res) => {
  calls += 1;
  const numbers = await walk(3);
  res.json([numbers.next(), ...numbers]);
});

module.exports = router;
