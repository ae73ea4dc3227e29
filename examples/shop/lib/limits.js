'use strict';

// At most LIMIT requests per user and process; users name themselves in a header.

const LIMIT = 1_000_000;
const used = new Map();

function limitRate(req, res, next) {
  const user = req.get('x-user');
  if (user === undefined) {
    next();
    return;
  }
  const count = (used.get(user) ?? 0) + 1;
  used.set(user, count);
  res.set('X-RateLimit-Remaining', String(Math.max(0, LIMIT - count)));
  if (count > LIMIT) {
    res.status(429).json({ error: 'too many requests' });
    return;
  }
  next();
}

module.exports = { limitRate };
