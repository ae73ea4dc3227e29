'use strict';

// What a rejected promise carries: class, code, cause, own fields, a readable stack.

const fs = require('node:fs');
const { Router } = require('express');

const router = Router();
let calls = 0;

class HttpProblem extends Error {
  constructor(status, message) {
    super(message);
    this.name = 'HttpProblem';
    this.status = status;
    this.code = 'E_PROBLEM';
  }

  get tooEarly() {
    return this.status === 425;
  }
}

async function fail(how) {
  if (how === 'class') throw new HttpProblem(425, 'too early');
  if (how === 'cause') throw new Error('outer', { cause: new HttpProblem(400, 'inner') });
  if (how === 'aggregate') throw new AggregateError([new TypeError('a'), new HttpProblem(404, 'b')], 'many');
  if (how === 'plain') throw { not: 'an error', list: [1] };
  if (how === 'system') fs.readFileSync('/no/such/file');
  return null.nothing;
}

router.get('/class', async (req, res, next) => {
  calls += 1;
  fail('class').catch(next);
});

router.get('/catch', async (req, res) => {
  calls += 1;
  const error = await fail('class').catch((caught) => caught);
  res.json([error instanceof HttpProblem, error.tooEarly, error.name, error.code, Object.keys(error), error.constructor.name]);
});

router.get('/cause', async (req, res) => {
  calls += 1;
  const error = await fail('cause').catch((caught) => caught);
  res.json([error.cause instanceof HttpProblem, error.cause.status, Object.keys(error), error.message]);
});

router.get('/aggregate', async (req, res) => {
  calls += 1;
  const error = await fail('aggregate').catch((caught) => caught);
  res.json([error.constructor.name, error.errors.length, error.errors[0] instanceof TypeError, error.errors[1].status]);
});

router.get('/plain', async (req, res) => {
  calls += 1;
  res.json(await fail('plain').catch((caught) => [caught instanceof Error, caught]));
});

router.get('/stack', async (req, res) => {
  calls += 1;
  const error = await fail('stack').catch((caught) => caught);
  const [first, second] = error.stack.split('\n');
  res.json([error.constructor.name, first, /\bfail \(.*errors\.js/.test(second)]);
});

router.get('/system', async (req, res) => {
  calls += 1;
  const error = await fail('system').catch((caught) => caught);
  res.json([error.code, error.errno, error.syscall, error.path, error.message]);
});

module.exports = router;
