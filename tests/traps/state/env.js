'use strict';

// Environment, arguments and working directory, read and written.

const { Router } = require('express');

const router = Router();

router.get('/read', async (req, res) => {
  res.json({ value: process.env.TRAP_VALUE || 'unset' });
});

router.get('/write', async (req, res) => {
  process.env.TRAP_VALUE = `${process.env.TRAP_VALUE || ''}x`;
  res.json({ value: process.env.TRAP_VALUE });
});

router.get('/cwd', async (req, res) => {
  res.json({ cwd: process.cwd().split('/').pop(), platform: typeof process.platform });
});

router.get('/argv', async (req, res) => {
  res.json({ argv: process.argv.slice(2), main: require.main !== undefined, name: require('node:path').basename(process.argv[1]) });
});

module.exports = router;
