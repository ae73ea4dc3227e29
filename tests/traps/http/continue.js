'use strict';

// The server asks for the body only when it wants it.

const { Router } = require('express');

const router = Router();

router.post('/take', (req, res) => {
  let size = 0;
  req.on('data', (chunk) => { size += chunk.length; });
  req.on('end', () => res.json({ size }));
});

module.exports = router;
