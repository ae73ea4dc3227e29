'use strict';

// State that only closures hold.

const { Router } = require('express');

const router = Router();

function makeStore() {
  const entries = {};
  let writes = 0;
  return {
    async put(key) {
      writes += 1;
      entries[key] = (entries[key] || 0) + 1;
      return { key, count: entries[key], writes };
    },
  };
}

const store = makeStore();

router.get('/:key', async (req, res) => {
  res.json(await store.put(req.params.key));
});

module.exports = router;
