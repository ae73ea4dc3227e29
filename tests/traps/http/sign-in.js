'use strict';

// passport: a strategy that checks a password in a function that moves, a user kept in the session.

const crypto = require('node:crypto');
const express = require('express');
const session = require('express-session');
const passport = require('passport');
const { Strategy } = require('passport-local');

const router = express.Router();
const users = new Map([['ann', { id: 1, name: 'ann', hash: digest('right') }]]);

function digest(password) {
  return crypto.pbkdf2Sync(password, 'salt', 500, 16, 'sha256').toString('hex');
}

async function check(name, password) {
  const user = users.get(name);
  return user && user.hash === digest(password) ? user : false;
}

passport.use(new Strategy((name, password, done) => {
  check(name, password).then((user) => done(null, user), done);
}));
passport.serializeUser((user, done) => done(null, user.name));
passport.deserializeUser((name, done) => done(null, users.get(name)));

router.use(session({ name: 'traps.sid', secret: 'trap', resave: false, saveUninitialized: false, cookie: { path: '/sign-in' } }));
router.use(express.urlencoded({ extended: false }));
router.use(passport.initialize());
router.use(passport.session());

router.post('/login', passport.authenticate('local'), (req, res) => {
  res.json({ name: req.user.name });
});

router.post('/logout', (req, res, next) => {
  req.logout((error) => {
    if (error) next(error);
    else res.send('out');
  });
});

router.get('/me', (req, res) => {
  res.json({ signedIn: req.isAuthenticated(), name: req.user ? req.user.name : null });
});

module.exports = router;
