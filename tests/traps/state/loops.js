'use strict';

// Closures made in loops: one variable for all with `var`, one each with `let`.

const { Router } = require('express');

const router = Router();
let calls = 0;

function gather(res, count) {
  const got = [];
  return (value) => {
    got.push(value);
    if (got.length === count) res.json(got);
  };
}

router.get('/var', (req, res) => {
  calls += 1;
  const done = gather(res, 3);
  for (var i = 0; i < 3; i += 1) {
    setTimeout(() => { done(i); }, 1);
  }
});

router.get('/let', (req, res) => {
  calls += 1;
  const done = gather(res, 3);
  for (let i = 0; i < 3; i += 1) {
    setTimeout(() => { done(i); }, 1);
  }
});

module.exports = router;
