'use strict';

// express-session keeps what handlers put into req.session, when the response ends.

const session = require('express-session');
const { Router } = require('express');

const router = Router();
router.use(session({ secret: 'trap', resave: false, saveUninitialized: false, cookie: { path: '/sessions' } }));

router.get('/visit', (req, res) => {
  req.session.visits = (req.session.visits || 0) + 1;
  res.json({ visits: req.session.visits, name: req.session.name });
});

router.get('/name/:name', async (req, res) => {
  req.session.name = req.params.name;
  res.json({ kept: true });
});

router.get('/destroy', (req, res, next) => {
  req.session.destroy((error) => {
    if (error) next(error);
    else res.send('destroyed');
  });
});

module.exports = router;
