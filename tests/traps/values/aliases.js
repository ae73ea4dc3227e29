'use strict';

// One object in two places stays one; the caller sees what the moved function changed; cycles.

const { Router } = require('express');

const router = Router();
let calls = 0;

async function rename(first, second) {
  first.name = 'changed';
  second.same = first === second.other;
  second.list.push(first);
  await null;
  first.late = true;
  return second;
}

router.get('/', async (req, res) => {
  calls += 1;
  const one = { name: 'one' };
  const list = [];
  const two = { other: one, list };
  two.self = two;
  const result = await rename(one, two);
  res.json({ back: result === two, same: two.same, one, length: list.length, inList: list[0] === one, self: two.self === two, calls });
});

router.get('/calls', (req, res) => {
  res.json({ calls });
});

module.exports = router;
