'use strict';

// Several cookies, cookie-parser, and clearing.

const cookieParser = require('cookie-parser');
const { Router } = require('express');

const router = Router();
router.use(cookieParser('a secret'));

router.get('/set', (req, res) => {
  res.cookie('a', '1');
  res.cookie('b', { deep: [2] }, { httpOnly: true });
  res.cookie('c', 'three', { signed: true, path: '/cookies' });
  res.append('Set-Cookie', 'd=4');
  res.json(res.getHeader('Set-Cookie').length);
});

router.get('/read', (req, res) => {
  res.json({ cookies: req.cookies, signed: req.signedCookies });
});

router.get('/clear', (req, res) => {
  res.clearCookie('a').clearCookie('b', { path: '/x' }).send('cleared');
});

module.exports = router;
