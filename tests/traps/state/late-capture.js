'use strict';

// Captured variables that are assigned before the event, while the function waits, and by the function itself.

const { Router } = require('express');

const router = Router();
let calls = 0;

router.get('/before', (req, res) => {
  calls += 1;
  let text = 'first';
  setTimeout(() => {
    res.json({ text });
  }, 5);
  text = 'assigned before the event';
});

router.get('/while', (req, res) => {
  calls += 1;
  let text = 'first';
  const wait = async () => {
    const seen = text;
    await new Promise((resolve) => setTimeout(resolve, 10));
    return [seen, text];
  };
  wait().then((both) => res.json(both));
  setTimeout(() => { text = 'assigned while it waits'; }, 2);
});

router.get('/by', (req, res) => {
  calls += 1;
  let text = 'first';
  const change = async () => {
    await null;
    text = 'assigned by the function';
    return 'done';
  };
  change().then((done) => res.json({ done, text }));
});

router.get('/hoisted', (req, res) => {
  calls += 1;
  setTimeout(later, 2);
  const text = 'declared after the function was handed over';
  function later() {
    res.send(`${text} ${calls > 0}`);
  }
});

module.exports = router;
