'use strict';

// Traps about what travels between stages: values, identity, classes, functions.

const express = require('express');

const app = express();
app.disable('x-powered-by');
for (const trap of ['special-values', 'aliases', 'classes', 'functions', 'reflection', 'getters', 'symbols', 'buffers', 'weak', 'iterators',
  'promises', 'signals', 'errors', 'retained', 'bound', 'wide']) {
  app.use(`/${trap}`, require(`./${trap}`));
}
app.use((error, req, res, next) => {
  res.status(error.status || 500).json({ name: error.name, message: error.message, code: error.code });
});
app.listen(Number(process.argv[2]), '127.0.0.1');
