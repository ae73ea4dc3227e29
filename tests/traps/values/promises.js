'use strict';

// Promises as arguments, rejections with their class, a race with a generous time-out, thenables.

const { Router } = require('express');

const router = Router();
let calls = 0;

class Refused extends Error {
  constructor(message, extra) {
    super(message);
    this.extra = extra;
  }
}

async function both(first, second) {
  return [await first, await second];
}

async function refuse(extra) {
  await null;
  throw new Refused('not today', extra);
}

async function slow(value) {
  await new Promise((resolve) => setTimeout(resolve, 2));
  return value;
}

async function settle(thing) {
  return await thing;
}

router.get('/argument', async (req, res) => {
  calls += 1;
  res.json(await both(new Promise((resolve) => setTimeout(resolve, 2, 'later')), Promise.resolve('now')));
});

router.get('/rejected', async (req, res) => {
  calls += 1;
  try {
    await refuse({ n: 1 });
  } catch (error) {
    res.json([error instanceof Refused, error instanceof Error, error.name, error.message, error.extra, error.constructor === Refused]);
  }
});

router.get('/race', async (req, res) => {
  calls += 1;
  let timer;
  const late = new Promise((resolve) => { timer = setTimeout(resolve, 10_000, 'late'); });
  const first = await Promise.race([slow('in time'), late]);
  clearTimeout(timer);
  res.send(first);
});

router.get('/thenable', async (req, res) => {
  calls += 1;
  const asked = [];
  const thing = { then(resolve) { asked.push('then'); resolve('thenable'); } };
  res.json([await settle(thing), asked]);
});

module.exports = router;
