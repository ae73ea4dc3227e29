'use strict';

// Streams: a file piped to the response, a request piped through gzip, pipeline, and errors on the way.

const fs = require('node:fs');
const path = require('node:path');
const { Readable, Transform, pipeline } = require('node:stream');
const zlib = require('node:zlib');
const { Router } = require('express');

const router = Router();
const page = path.join(__dirname, 'page.txt');

router.get('/file', (req, res) => {
  fs.createReadStream(page).pipe(res);
});

router.get('/generated', (req, res) => {
  let n = 0;
  new Readable({
    read() {
      n += 1;
      this.push(n > 5 ? null : `line ${n}\n`);
    },
  }).pipe(res);
});

router.get('/pipeline', (req, res, next) => {
  const upper = new Transform({
    transform(chunk, encoding, done) {
      done(null, String(chunk).toUpperCase());
    },
  });
  pipeline(fs.createReadStream(page), upper, res, (error) => {
    if (error) next(error);
  });
});

router.get('/missing', (req, res, next) => {
  fs.createReadStream('/no/such/file').on('error', next).pipe(res);
});

router.get('/from', (req, res) => {
  async function* parts() {
    yield 'one ';
    await null;
    yield 'two';
  }
  Readable.from(parts()).pipe(res);
});

router.post('/gzip', (req, res) => {
  res.set('Content-Type', 'application/gzip');
  req.pipe(zlib.createGzip()).pipe(zlib.createGunzip()).pipe(res);
});

router.post('/echo', (req, res) => {
  req.pipe(res);
});

router.post('/upper', async (req, res) => {
  let text = '';
  for await (const chunk of req) text += chunk;
  res.send(text.toUpperCase());
});

module.exports = router;
