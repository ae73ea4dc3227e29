'use strict';

// Express tells error middleware by its four parameters.

const { Router } = require('express');

const router = Router();
const BAD = Object.assign(new Error('one and the same'), { status: 418 });

router.get('/', (req, res, next) => {
  next(new Error('plain'));
});
router.get('/pass', (req, res, next) => {
  next(BAD);
});
router.get('/handled', (req, res) => {
  throw Object.assign(new Error('soft'), { soft: true });
});

router.use((error, req, res, next) => {
  if (error.soft) {
    res.json({ handled: error.message });
    return;
  }
  next(error === BAD ? Object.assign(error, { code: 'E_BAD' }) : new Error(`wrapped ${error.message}`));
});

module.exports = router;
