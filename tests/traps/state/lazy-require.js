'use strict';

// A module that is loaded by the first request, with state of its own.

const { Router } = require('express');

const router = Router();

router.get('/', async (req, res) => {
  const counted = require('./counted');
  res.json(counted.use());
});

module.exports = router;
