'use strict';

// A full-text index that is rebuilt on request: heavy, but it replaces what every search reads.

const fs = require('node:fs');
const path = require('node:path');
const express = require('express');

const folder = path.join(__dirname, '..', 'content');
let index = new Map();
let generation = 0;

function build() {
  const next = new Map();
  for (const file of fs.readdirSync(folder).sort()) {
    const words = fs.readFileSync(path.join(folder, file), 'utf8').toLowerCase().match(/[a-z]{3,}/g) ?? [];
    for (const word of words) {
      const pages = next.get(word) ?? new Set();
      pages.add(path.parse(file).name);
      next.set(word, pages);
    }
  }
  return next;
}

const router = express.Router();

router.post('/index', (req, res) => {
  index = build();
  generation += 1;
  res.json({ generation, words: index.size });
});

router.get('/search', (req, res) => {
  const pages = index.get(String(req.query.q ?? '').toLowerCase()) ?? new Set();
  res.json({ generation, pages: [...pages].sort() });
});

module.exports = { router };
