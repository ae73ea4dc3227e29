'use strict';

// A client that goes away is noticed by the handler that answers it.

const { Router } = require('express');

const router = Router();
let closed = 0;

router.get('/wait', (req, res) => {
  const timer = setInterval(() => res.write('.'), 2);
  res.on('close', () => {
    clearInterval(timer);
    closed += 1;
  });
});

router.get('/closed', (req, res) => {
  res.send(String(closed));
});

module.exports = router;
