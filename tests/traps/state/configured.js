'use strict';

// Configuration that changes after the start is state, not init-only.

const { Router } = require('express');

const router = Router();
const options = { theme: 'plain', depth: 2 };

async function render(text) {
  return `<${options.theme}>${text.repeat(options.depth)}</${options.theme}>`;
}

router.get('/render', async (req, res) => {
  res.send(await render('x'));
});

router.get('/set/:theme', (req, res) => {
  options.theme = req.params.theme;
  res.json(options);
});

module.exports = router;
