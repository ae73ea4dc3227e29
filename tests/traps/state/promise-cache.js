'use strict';

// A promise is kept and shared: what it stands for is computed once.

const { Router } = require('express');

const router = Router();
let made = 0;
let pending = null;

async function build() {
  made += 1;
  await new Promise((resolve) => setTimeout(resolve, 5));
  return { number: made };
}

router.get('/get', async (req, res) => {
  pending ||= build();
  const value = await pending;
  res.json({ value, same: value === (await pending) });
});

router.get('/made', (req, res) => {
  const before = made;
  pending = null;
  res.json({ made: before });
});

module.exports = router;
