'use strict';

// An upload that is hashed as it arrives, and a download that is written as it is read.

const crypto = require('node:crypto');
const { Readable } = require('node:stream');
const express = require('express');

const router = express.Router();

router.post('/upload', (req, res, next) => {
  const hash = crypto.createHash('sha256');
  let size = 0;
  req.on('data', (chunk) => {
    size += chunk.length;
    hash.update(chunk);
  });
  req.on('error', next);
  req.on('end', () => {
    res.status(201).json({ size, sha256: hash.digest('hex') });
  });
});

function* rows(count) {
  yield 'item,price\n';
  for (let i = 1; i <= count; i += 1) yield `item ${i},${((i * 7919) % 10_000) / 100}\n`;
}

router.get('/export.csv', (req, res) => {
  const count = Math.min(100_000, Number(req.query.rows ?? 1000));
  res.type('csv');
  Readable.from(rows(count)).pipe(res);
});

module.exports = { router };
