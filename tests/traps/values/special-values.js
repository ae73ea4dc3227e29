'use strict';

// Values that a text format loses: they go through a function that moves, and come back.

const util = require('node:util');
const { Router } = require('express');

const router = Router();
let calls = 0;

async function pass(values) {
  values.list.push('seen');
  return values;
}

async function convert(a, b, c) {
  return { sum: a + b, sign: Object.is(c, -0), text: util.inspect([a, b, c]) };
}

router.get('/all', (req, res, next) => {
  calls += 1;
  const list = ['x', , 3];
  const values = {
    big: 2n ** 70n, minus: -0, nan: NaN, far: -Infinity, undef: undefined, nothing: null, list,
    date: new Date(86_400_000), invalid: new Date(NaN), re: /a(b)+/giu, map: new Map([[list, 1], ['k', new Set([1n])]]),
    bytes: Buffer.from('abc'), floats: new Float64Array([1.5, NaN]), view: new DataView(new ArrayBuffer(2)),
    error: Object.assign(new RangeError('far', { cause: 'x' }), { code: 'E_FAR' }), bare: Object.assign(Object.create(null), { a: 1 }),
    frozen: Object.freeze([1]), text: new String('boxed'), url: new URL('http://h/p?q#f'), sym: Symbol.for('registered'), iter: Symbol.iterator,
  };
  pass(values).then((back) => {
    const same = back.map.has(back.list) && back === values;
    res.json({
      same, calls, holes: !(1 in back.list), text: util.inspect({ ...back, error: undefined }, { depth: 5 }), cause: back.error.cause,
      error: [back.error.name, back.error.message, back.error.code, back.error instanceof RangeError], frozen: Object.isFrozen(back.frozen),
    });
  }).catch(next);
});

router.get('/numbers', async (req, res) => {
  calls += 1;
  const { sum, sign, text } = await convert(1n, 2n, -0);
  res.json({ sum: String(sum), sign, text });
});

module.exports = router;
