'use strict';

// Accounts with hashed passwords, and sessions that count visits.

const crypto = require('node:crypto');
const express = require('express');
const bcrypt = require('bcryptjs');

// Written once at start, read by every sign-in.
const accounts = new Map([
  ['ada', { name: 'Ada', hash: '$2a$06$abcdefghijklmnopqrstuud/5IuQmqhVO0kfNEbHJM.fJkPiliBzC' }],
  ['grace', { name: 'Grace', hash: '$2a$06$abcdefghijklmnopqrstuud/5IuQmqhVO0kfNEbHJM.fJkPiliBzC' }],
]);

const sessions = new Map();
const router = express.Router();

// Several milliseconds of hashing; `accounts` never changes.
router.post('/sign-in', express.json(), (req, res) => {
  const account = accounts.get(String(req.body?.user));
  if (account === undefined) {
    res.status(401).json({ error: 'unknown user' });
    return;
  }
  const ok = bcrypt.compareSync(String(req.body.password), account.hash);
  res.status(ok ? 200 : 401).json(ok ? { welcome: account.name } : { error: 'wrong password' });
});

// Shares `sessions` with POST /sign-out.
router.get('/me', (req, res) => {
  const id = req.get('x-session') ?? crypto.randomUUID();
  const session = sessions.get(id) ?? { visits: 0 };
  session.visits += 1;
  sessions.set(id, session);
  res.set('X-Session', id).json({ visits: session.visits });
});

router.post('/sign-out', (req, res) => {
  res.json({ known: sessions.delete(req.get('x-session')) });
});

module.exports = { router };
