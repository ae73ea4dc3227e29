'use strict';

// A secret that is drawn at the start is the same on every stage.

const crypto = require('node:crypto');
const { Router } = require('express');

const router = Router();
const secret = crypto.randomBytes(32);
const started = Date.now();
const id = Math.random().toString(36).slice(2);
const signed = new Map();

async function sign(text) {
  return crypto.createHmac('sha256', secret).update(text + started + id).digest('hex');
}

router.get('/sign/:text', async (req, res) => {
  signed.set(req.params.text, await sign(req.params.text));
  res.send('signed');
});

router.get('/verify/:text', async (req, res) => {
  const again = await Promise.all([1, 2, 3, 4].map(() => sign(req.params.text)));
  res.json(again.map((one) => one === signed.get(req.params.text)));
});

router.get('/age', async (req, res) => {
  res.json({ old: Date.now() - started >= 0, fresh: Date.now() - started < 600_000, id: id.length > 3 });
});

module.exports = router;
