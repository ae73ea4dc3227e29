'use strict';

// More than fits into buffers, both ways, with back-pressure.

const { Router } = require('express');

const router = Router();
const CHUNK = 64 * 1024;

router.get('/download', async (req, res) => {
  const chunk = Buffer.alloc(CHUNK, 'd');
  let waits = 0;
  for (let sent = 0; sent < 8_000_000; sent += CHUNK) {
    if (!res.write(chunk)) {
      waits += 1;
      await new Promise((resolve) => res.once('drain', resolve));
    }
  }
  res.end(waits > 0 ? '' : 'never waited');
});

router.post('/upload', async (req, res) => {
  let size = 0;
  for await (const chunk of req) {
    size += chunk.length;
    if (size % 17 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  res.json({ size });
});

module.exports = router;
