'use strict';

// What Express hangs on request and application: settings, locals, and a user that a middleware adds.

const { Router } = require('express');

const router = Router();
const users = [{ id: 1, name: 'ann', visits: 0 }];

router.use((req, res, next) => {
  req.user = users[0];
  res.locals.started = 'now';
  next();
});

router.get('/title', (req, res) => {
  res.json({ title: req.app.locals.title, own: req.app === res.app, started: res.locals.started });
});

router.get('/setting', (req, res) => {
  res.json({ powered: req.app.get('x-powered-by'), env: typeof req.app.get('env'), base: req.baseUrl, path: req.path, url: req.originalUrl });
});

router.get('/user', (req, res) => {
  res.locals.user = req.user.name;
  res.json({ name: res.locals.user, same: req.user === users[0] });
});

router.get('/count', (req, res) => {
  req.user.visits += 1;
  res.json({ visits: users[0].visits });
});

module.exports = router;
