'use strict';

// Server-sent events: the head is flushed at once, messages come one by one.

const { Router } = require('express');

const router = Router();

router.get('/stream', (req, res) => {
  res.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  res.flushHeaders();
  let id = 0;
  const timer = setInterval(() => {
    id += 1;
    res.write(`id: ${id}\ndata: tick\n\n`);
    if (id === 3) {
      clearInterval(timer);
      res.end();
    }
  }, 3);
  req.on('close', () => clearInterval(timer));
});

router.get('/many', async (req, res) => {
  res.writeHead(200, { 'Content-Type': 'text/event-stream' });
  for (let id = 0; id < 50; id += 1) {
    if (!res.write(`data: ${id}\n\n`)) await new Promise((resolve) => res.once('drain', resolve));
  }
  res.end();
});

module.exports = router;
