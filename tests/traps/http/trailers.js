'use strict';

// Trailers follow a chunked body.

const crypto = require('node:crypto');
const { Router } = require('express');

const router = Router();

router.get('/', (req, res) => {
  const hash = crypto.createHash('md5');
  res.setHeader('Trailer', 'Content-MD5');
  res.writeHead(200, { 'Content-Type': 'text/plain' });
  for (const part of ['one ', 'two ', 'three']) {
    hash.update(part);
    res.write(part);
  }
  res.addTrailers({ 'Content-MD5': hash.digest('hex') });
  res.end();
});

module.exports = router;
