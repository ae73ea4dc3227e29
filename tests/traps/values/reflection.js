'use strict';

// length, name, toString and own properties of functions that move; Express itself counts parameters.

const { Router } = require('express');

const router = Router();
let calls = 0;

async function measured(one, two, three = 3) {
  return one + two + three;
}
measured.title = 'own property';

const arrow = async (only) => only * 2;

router.get('/', async (req, res) => {
  calls += 1;
  res.json({
    names: [measured.name, arrow.name], lengths: [measured.length, arrow.length], text: String(measured), arrow: `${arrow}`,
    own: measured.title, sum: await measured(1, 2), kind: Object.prototype.toString.call(arrow), double: await arrow(4),
    proto: Object.getPrototypeOf(measured) === Object.getPrototypeOf(arrow), has: Object.keys(measured),
  });
});

router.get('/calls', (req, res) => {
  res.json({ calls });
});

module.exports = router;
