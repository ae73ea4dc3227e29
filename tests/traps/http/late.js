'use strict';

// What is done with a response that is over: errors as in the original, nothing sent twice.

const { Router } = require('express');

const router = Router();

router.get('/after-end', (req, res) => {
  res.end('over');
  let code = 'none';
  res.on('error', (error) => { code = error.code; });
  const more = res.write('more');
  setTimeout(() => { module.exports.last = [more, code]; }, 1);
});

router.get('/settled', (req, res) => {
  res.send(String(module.exports.last !== undefined));
});

router.get('/twice', (req, res) => {
  res.json({ first: true, last: module.exports.last });
  try {
    res.json({ second: true });
  } catch (error) {
    module.exports.caught = error.code;
  }
});

router.get('/header', (req, res) => {
  res.write('begun ');
  try {
    res.setHeader('X-Late', '1');
  } catch (error) {
    res.end(`${error.code} ${error.name} ${module.exports.caught}`);
  }
});

router.get('/timer', (req, res) => {
  res.setTimeout(10, () => {
    res.status(503).send('took too long');
  });
});

module.exports = router;
