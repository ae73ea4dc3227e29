'use strict';

// Middleware hangs things on request and response that later handlers read, call and change.

const { Router } = require('express');

const router = Router();

class User {
  constructor(name) {
    this.name = name;
    this.roles = new Set(['reader']);
  }

  can(role) {
    return this.roles.has(role);
  }
}

router.use((req, res, next) => {
  req.user = new User('ann');
  req.tell = (text) => `${text}, ${req.user.name}`;
  res.locals.seen = new Map([['a', 1]]);
  res.reply = (value) => res.json({ value, by: req.user.name });
  next();
});

router.get('/user', (req, res) => {
  res.json({ can: req.user.can('reader'), is: req.user instanceof User, told: req.tell('hello'), seen: [...res.locals.seen] });
});

router.get('/changed', async (req, res, next) => {
  req.user.roles.add('writer');
  req.user.name = 'bob';
  res.locals.seen.set('b', 2);
  next();
}, (req, res) => {
  res.reply([req.user.can('writer'), [...res.locals.seen.keys()], req.tell('bye')]);
});

module.exports = router;
