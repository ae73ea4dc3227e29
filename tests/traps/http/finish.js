'use strict';

// Loggers that wait for the end of the response: one's own, and morgan.

const morgan = require('morgan');
const { Router } = require('express');

const router = Router();
const log = [];
const lines = [];

function tell(res, path) {
  log.push(`${path} ${res.statusCode} ${res.getHeader('content-length')} finished`);
}

router.use((req, res, next) => {
  if (req.path === '/') res.on('finish', () => tell(res, req.path));
  next();
});
router.use(morgan(':method :url :status :res[content-length]', {
  stream: { write: (line) => { if (!line.includes('/lines') && !line.includes('/log')) lines.push(line.trim()); } },
}));

router.get('/', (req, res) => {
  res.send('logged');
});

router.get('/log', (req, res) => {
  res.json(log);
});

router.get('/morgan', async (req, res) => {
  res.status(203).send('with morgan');
});

router.get('/lines', (req, res) => {
  res.json(lines.filter((line) => line.includes('/morgan')));
});

module.exports = router;
