'use strict';

// A file that is loaded several times has its variables and functions several times, and stages have the first ones.

const { Router } = require('express');

const router = Router();

function load() {
  delete require.cache[require.resolve('./loaded-part')];
  return require('./loaded-part');
}

const parts = [load(), load()];
let asked = 0;

router.get('/both', async (req, res) => {
  asked += 1;
  res.json(await Promise.all(parts.map((part) => part.sign('text'))));
});

router.get('/second', async (req, res) => {
  asked += 1;
  res.send(`${await parts[1].sign('more')} ${asked > 0}`);
});

module.exports = router;
