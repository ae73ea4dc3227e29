'use strict';

// A module-level variable that holds another object after a while.

const { Router } = require('express');

const router = Router();
let mode = { name: 'day' };

async function describe() {
  return `it is ${mode.name}`;
}

router.get('/', async (req, res) => {
  res.send(await describe());
});

router.get('/toggle', (req, res) => {
  mode = { name: mode.name === 'day' ? 'night' : 'day' };
  res.json(mode);
});

module.exports = router;
