'use strict';

// Code after next() sees what has happened downstream by then.

const { Router } = require('express');

const router = Router();

router.use('/after', (req, res, next) => {
  req.steps = ['in'];
  next();
  req.steps.push(`sent ${res.headersSent}`);
  setTimeout(() => {
    res.end(req.steps.join());
  }, 2);
});
router.get('/after', (req, res) => {
  req.steps.push('downstream');
  res.write('begun ');
});

router.use('/before', (req, res, next) => {
  req.steps = ['in'];
  next();
});
router.get('/before', (req, res) => {
  res.json(req.steps);
});

router.get('/twice', (req, res, next) => {
  res.set('X-First', 'yes');
  next();
}, (req, res) => {
  res.send('second handler');
});

router.get('/route', (req, res, next) => {
  next('route');
}, (req, res) => {
  res.send('never');
});
router.get('/route', async (req, res) => {
  res.send('other route');
});

module.exports = router;
