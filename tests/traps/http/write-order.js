'use strict';

// What is written first arrives first, also when a helper that moves is called in between.

const { Router } = require('express');

const router = Router();
let calls = 0;

async function middle(n) {
  return `middle ${n};`;
}

function write(res, text) {
  res.write(text);
}

router.get('/parts', async (req, res) => {
  calls += 1;
  res.write('first;');
  res.write(await middle(1));
  res.write('then;');
  res.end(await middle(2));
});

router.get('/helper', (req, res) => {
  calls += 1;
  res.write('one;');
  setTimeout(write, 1, res, 'two;');
  setTimeout(() => { res.end('three'); }, 20);
});

router.get('/timed', (req, res) => {
  let n = 0;
  const step = () => {
    n += 1;
    res.write(`${n};`);
    if (n === 4) res.end('end');
    else setImmediate(step);
  };
  step();
});

module.exports = router;
