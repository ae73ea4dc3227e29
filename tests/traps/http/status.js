'use strict';

// Status codes and messages of one's own.

const { Router } = require('express');

const router = Router();

router.get('/teapot', (req, res) => {
  res.sendStatus(418);
});

router.get('/message', (req, res) => {
  res.statusMessage = 'Quite Fine';
  res.statusCode = 299;
  res.end('custom');
});

router.get('/written', (req, res) => {
  res.writeHead(201, 'Made', { 'X-Made': 'yes', 'Content-Length': 4 });
  res.end('made');
});

router.get('/array', (req, res) => {
  res.writeHead(200, ['X-One', '1', 'X-Two', '2']);
  res.end('array');
});

router.get('/informational', (req, res) => {
  res.writeProcessing();
  res.setTimeout(5000);
  res.end(`processed ${res.headersSent} ${res.writableEnded} ${res.finished}`);
});

module.exports = router;
