'use strict';

// Traps about memory that handlers share, and about what they capture.

const express = require('express');

const app = express();
app.disable('x-powered-by');
for (const trap of ['lost-update', 'memoise', 'singleton', 'lazy-require', 'configured', 'secret', 'captures', 'late-capture', 'loops', 'atomic',
  'timers', 'emitters', 'async-storage', 'init-order', 'app-state', 'object-kept', 'counters-in-classes', 'closure-state', 'frozen-config', 'queue',
  'promise-cache', 'module-let', 'array-state', 'env', 'clock',
  'partly-state', 'parallel', 'made-at-start', 'loaded-twice']) {
  app.use(`/${trap}`, require(`./${trap}`));
}
app.locals.title = 'traps';
app.use((error, req, res, next) => {
  res.status(error.status || 500).json({ name: error.name, message: error.message, code: error.code });
});
const server = app.listen(Number(process.argv[2]), '127.0.0.1');
process.on('SIGTERM', () => {
  console.log('asked to end');
  server.close(() => process.exit(3));
  server.closeAllConnections();
});
