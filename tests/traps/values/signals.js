'use strict';

// An AbortSignal that is aborted here is seen there, before and while the function waits.

const { Router } = require('express');

const router = Router();
let calls = 0;

async function wait(signal) {
  const { setTimeout: sleep } = require('node:timers/promises');
  try {
    await sleep(8000, null, { signal });
    return 'waited';
  } catch (error) {
    return [error.name, error.code, signal.aborted, String(signal.reason)];
  }
}

async function check(signal) {
  signal.throwIfAborted();
  return 'not aborted';
}

async function listen(signal) {
  return new Promise((resolve) => {
    signal.addEventListener('abort', (event) => resolve([event.type, signal.reason && signal.reason.message]), { once: true });
  });
}

router.get('/given', async (req, res) => {
  calls += 1;
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 20);
  res.json(await wait(stop.signal));
});

router.get('/aborted', async (req, res) => {
  calls += 1;
  const first = await check(new AbortController().signal);
  const second = await check(AbortSignal.abort(new RangeError('before'))).catch((error) => [error.name, error.message, error instanceof RangeError]);
  res.json([first, second]);
});

router.get('/event', async (req, res) => {
  calls += 1;
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error('why')), 10);
  res.json(await listen(stop.signal));
});

module.exports = router;
