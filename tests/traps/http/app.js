'use strict';

// Traps about requests and responses: order, streams, errors, and the packages that servers are made of.

const express = require('express');

const app = express();
app.disable('x-powered-by');
for (const trap of ['write-order', 'next', 'next-order', 'throwing', 'error-middleware', 'streams', 'uploads', 'events', 'bodiless', 'trailers',
  'continue', 'status', 'cookies', 'locals', 'left-behind', 'aborts', 'finish', 'compressed', 'multipart', 'sessions', 'sign-in', 'keep-alive', 'large', 'late',
  'headers', 'formats', 'params', 'methods', 'twice', 'many']) {
  app.use(`/${trap}`, require(`./${trap}`));
}
app.use((error, req, res, next) => {
  if (res.headersSent) {
    next(error);
    return;
  }
  res.status(error.status || 500).json({ name: error.name, message: error.message, code: error.code, cause: error.cause && error.cause.message });
});
const server = app.listen(Number(process.argv[2]), '127.0.0.1');
server.on('checkContinue', (req, res) => {
  if (req.url.includes('refuse')) {
    res.writeHead(417);
    res.end();
    return;
  }
  res.writeContinue();
  server.emit('request', req, res);
});
require('./web-socket').attach(server);
