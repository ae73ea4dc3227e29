'use strict';

// Pipelined requests are answered in their order, however long each takes.

const { Router } = require('express');

const router = Router();

router.get('/slow', (req, res) => {
  setTimeout(() => {
    res.send('slow');
  }, 10);
});

router.get('/fast', async (req, res) => {
  res.send('fast');
});

router.get('/chunked', (req, res) => {
  res.write('a');
  res.write('b');
  res.end('c');
});

module.exports = router;
