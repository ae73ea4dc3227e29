'use strict';

// Parameters of paths and queries, and a loader for one of them.

const { Router } = require('express');

const router = Router();

router.param('id', (req, res, next, id) => {
  req.loaded = { id: Number(id) };
  next();
});

router.get('/user/:id', (req, res) => {
  res.json({ loaded: req.loaded, params: req.params });
});
router.get('/user/:id/posts/:post', async (req, res) => {
  res.json({ loaded: req.loaded, ...req.params, path: req.route.path });
});
router.get('/query', (req, res) => {
  res.json(req.query);
});
router.get('/optional/:word?', (req, res) => {
  res.json({ word: req.params.word === undefined ? 'none' : req.params.word });
});

module.exports = router;
