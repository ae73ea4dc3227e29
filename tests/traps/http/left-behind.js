'use strict';

// A handler leaves functions of its own on the request, which a handler that cannot move calls later and believes at once,
// and a stream that is none of Node's own.

const crypto = require('node:crypto');
const { Router } = require('express');
const { PassThrough } = require('readable-stream');

const router = Router();
let asked = 0;

function Keys(secret) {
  const key = crypto.pbkdf2Sync(secret, 'salt', 200, 16, 'sha256');
  this.sign = (text) => crypto.createHmac('sha256', key).update(text).digest('hex').slice(0, 8);
  this.verify = (text, digest) => this.sign(text) === digest;
  this.each = (texts, tell) => texts.map((text) => tell(this.sign(text)));
}

router.use((req, res, next) => {
  req.keys = new Keys(req.query.key);
  req.report = new PassThrough();
  req.report.end(req.keys.sign('report'));
  next();
});

router.get('/signed', (req, res) => {
  asked += 1;
  const { keys } = req;
  const told = [];
  keys.each(['a', 'b'], (signed) => told.push(`${signed} ${told.length}`));
  res.json({
    signed: keys.sign('a'), length: keys.sign('a').length, good: keys.verify('a', keys.sign('a')) ? 'yes' : 'no',
    bad: keys.verify('a', 'x') ? 'yes' : 'no', told, counted: asked > 0,
  });
});

router.get('/wrong', (req, res) => {
  asked += 1;
  try {
    res.send(req.keys.sign());
  } catch (error) {
    res.status(500).send(`${error.name} ${error.code}`);
  }
});

router.get('/report', (req, res) => {
  asked += 1;
  req.report.pipe(res);
  req.report.on('end', () => { asked += 1; });
});

module.exports = router;
