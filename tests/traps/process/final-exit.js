'use strict';

// A handler that ends the process, with a status of its own, after 'exit' listeners have run.

const { Router } = require('express');

const router = Router();

router.get('/code', (req, res) => {
  process.exitCode = 4;
  res.send(`will be ${process.exitCode}`);
});

router.get('/now', (req, res) => {
  res.end('going', () => process.exit());
});

module.exports = router;
