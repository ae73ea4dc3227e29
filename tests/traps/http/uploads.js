'use strict';

// Bodies read in events, by parsers, by lines, late, and not at all.

const readline = require('node:readline');
const express = require('express');

const router = express.Router();

router.post('/count', (req, res) => {
  let size = 0;
  let chunks = 0;
  req.on('data', (chunk) => {
    size += chunk.length;
    chunks += 1;
  });
  req.on('end', () => {
    res.json({ size, some: chunks > 0, complete: req.complete });
  });
});

router.post('/json', express.json(), (req, res) => {
  res.json({ got: req.body });
});

router.post('/form', express.urlencoded({ extended: true }), async (req, res) => {
  res.json({ got: req.body });
});

router.post('/lines', (req, res) => {
  const lines = [];
  const reader = readline.createInterface({ input: req });
  reader.on('line', (line) => lines.push(line));
  reader.on('close', () => res.json(lines));
});

router.post('/late', (req, res) => {
  setTimeout(() => {
    let text = '';
    req.setEncoding('utf8');
    req.on('data', (chunk) => { text += chunk; });
    req.on('end', () => res.send(text));
  }, 5);
});

router.post('/unread', (req, res) => {
  res.status(202).send('accepted');
});

module.exports = router;
