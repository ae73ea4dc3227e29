'use strict';

// Many middlewares of one request: none of them may leave anything on the response that can be counted.

const { Router } = require('express');

const router = Router();

async function count(req, res, next) {
  req.passed = (req.passed || 0) + 1;
  next();
}

router.use(Array(12).fill(count));

router.get('/all', (req, res) => {
  res.send(`passed ${req.passed}`);
});

module.exports = router;
