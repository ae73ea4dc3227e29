'use strict';

// Handlers made by functions: their locals have to travel, also where one is another function.

const { Router } = require('express');

const router = Router();

function greeter(word, options) {
  const mark = options.loud ? '!' : '.';
  return async (req, res) => {
    res.send(`${word}, ${req.query.name || 'you'}${mark}`);
  };
}

function counting(start) {
  let count = start;
  return (req, res) => {
    count += 1;
    res.json({ count });
  };
}

function table(rows) {
  const index = new Map(rows.map((row) => [row.id, row]));
  const find = (id) => index.get(id);
  return (req, res) => {
    res.json({ found: find(2), size: index.size });
  };
}

router.get('/greet', greeter('Hello', { loud: false }));
router.get('/shout', greeter('Hey', { loud: true }));
router.get('/factory', counting(10));
router.get('/table', table([{ id: 1, name: 'one' }, { id: 2, name: 'two' }]));

module.exports = router;
