'use strict';

// HEAD, 204, 205 and 304 have no body; the length is told all the same.

const { Router } = require('express');

const router = Router();

router.get('/none', (req, res) => {
  res.status(204).send('ignored');
});

router.get('/reset', (req, res) => {
  res.status(205).send('ignored');
});

router.get('/page', async (req, res) => {
  res.set('Last-Modified', 'Wed, 01 Jan 2020 00:00:00 GMT');
  res.send('a page that does not change');
});

module.exports = router;
