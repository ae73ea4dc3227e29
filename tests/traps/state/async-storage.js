'use strict';

// The store of an AsyncLocalStorage follows the request, into moved functions and behind their awaits.

const { AsyncLocalStorage, AsyncResource } = require('node:async_hooks');
const { Router } = require('express');

const router = Router();
const requests = new AsyncLocalStorage();

router.use((req, res, next) => {
  requests.run({ id: req.query.id, steps: [] }, next);
});

async function whoAmI() {
  const before = requests.getStore().id;
  await new Promise((resolve) => setTimeout(resolve, 5));
  return [before, requests.getStore().id];
}

async function note(step) {
  requests.getStore().steps.push(step);
}

router.get('/who', async (req, res) => {
  res.json(await whoAmI());
});

router.get('/deep', async (req, res) => {
  await note('one');
  await note('two');
  res.json(requests.getStore());
});

router.get('/bind', (req, res) => {
  const answer = AsyncResource.bind(() => res.json({ id: requests.getStore().id, outside: requests.exit(() => requests.getStore() === undefined) }));
  setTimeout(answer, 2);
});

module.exports = router;
