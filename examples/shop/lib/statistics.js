'use strict';

// Counts requests per route and folds the counts into totals once a second.

const counts = new Map();
const totals = { requests: 0, errors: 0 };
let pending = 0;

function countRequests(req, res, next) {
  const name = `${req.method} ${req.path}`;
  counts.set(name, (counts.get(name) ?? 0) + 1);
  pending += 1;
  res.on('finish', () => {
    if (res.statusCode >= 500) totals.errors += 1;
  });
  next();
}

function flush() {
  totals.requests += pending;
  pending = 0;
}

setInterval(flush, 1000).unref();

function statistics(req, res) {
  flush();
  res.json({ ...totals, routes: Object.fromEntries(counts) });
}

module.exports = { countRequests, statistics };
