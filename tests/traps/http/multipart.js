'use strict';

// An upload of a form with a file, parsed by multer.

const crypto = require('node:crypto');
const multer = require('multer');
const { Router } = require('express');

const router = Router();
const upload = multer({ storage: multer.memoryStorage(), limits: { fileSize: 100_000 } });

router.post('/', upload.single('file'), async (req, res) => {
  const { originalname, size, buffer } = req.file;
  res.json({ title: req.body.title, originalname, size, md5: crypto.createHash('md5').update(buffer).digest('hex') });
});

module.exports = router;
