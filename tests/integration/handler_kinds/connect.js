'use strict';
// ask: GET /a, GET /b, GET /boom
const connect = require('connect');
let left = 3;
const app = connect();
app.use(function log(req, res, next) {
  res.on('finish', function finished() { if (--left === 0) setImmediate(() => process.exit(0)); });
  setImmediate(function later() { next(); });
});
app.use('/boom', function boom() { throw new Error('no'); });
app.use(function serve(req, res) { res.end('x'); });
app.use(function failed(error, req, res, next) { res.statusCode = 500; res.end(); });
const server = require('http').createServer(app).listen(0, '127.0.0.1', () => console.log(server.address().port));
