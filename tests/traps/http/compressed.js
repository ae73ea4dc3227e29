'use strict';

// compression wraps write and end of the response.

const compression = require('compression');
const { Router } = require('express');

const router = Router();
router.use(compression());

router.get('/', async (req, res) => {
  res.type('text').send('to be compressed '.repeat(200));
});

router.get('/small', (req, res) => {
  res.send('small');
});

router.get('/streamed', (req, res) => {
  res.type('text');
  res.write('one ');
  res.flush();
  setTimeout(() => { res.end('two'); }, 2);
});

module.exports = router;
