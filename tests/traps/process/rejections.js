'use strict';

// Rejections that nobody handles, with their class, and one that is handled late.

const { Router } = require('express');

const router = Router();

class Forgotten extends Error {}

async function fail() {
  await null;
  throw new Forgotten('nobody waits');
}

router.get('/forgotten', (req, res) => {
  fail();
  res.send('answered');
});

router.get('/class', async (req, res) => {
  res.send('answered');
  throw new Forgotten('after the answer');
});

router.get('/plain', (req, res) => {
  Promise.reject({ message: 'plain' });
  res.send('answered');
});

router.get('/warning', (req, res) => {
  process.emitWarning('take care', 'TrapWarning');
  res.send('answered');
});

router.get('/late', async (req, res) => {
  const promise = fail();
  const error = await promise.catch((caught) => caught);
  res.json([error instanceof Forgotten, error.message]);
});

module.exports = router;
