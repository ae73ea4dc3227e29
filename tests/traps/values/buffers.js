'use strict';

// Views of one buffer see one another's changes; shared memory; state inside a hash.

const crypto = require('node:crypto');
const { Router } = require('express');

const router = Router();
let calls = 0;

async function fill(low, all) {
  low[0] = 7;
  return all[0];
}

async function bump(counter) {
  Atomics.add(counter, 0, 5);
  return counter[0];
}

async function digest(hash, text) {
  hash.update(text);
  return hash.digest('hex');
}

router.get('/overlap', async (req, res) => {
  calls += 1;
  const memory = new ArrayBuffer(4);
  const low = new Uint8Array(memory, 0, 2);
  const all = new Uint8Array(memory);
  const seen = await fill(low, all);
  res.json({ seen, low: [...low], all: [...all], same: low.buffer === all.buffer });
});

router.get('/shared', async (req, res) => {
  calls += 1;
  const counter = new Int32Array(new SharedArrayBuffer(4));
  const seen = await bump(counter);
  res.json({ seen, after: counter[0] });
});

router.get('/crypto', async (req, res) => {
  calls += 1;
  const hash = crypto.createHash('sha256');
  hash.update('begun here ');
  res.send(await digest(hash, 'ended there'));
});

module.exports = router;
