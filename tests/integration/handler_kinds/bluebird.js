'use strict';
// ask: GET /a, GET /b
const P = require('bluebird');
let left = 2;
const server = require('http').createServer(function serve(req, res) {
  P.delay(1).then(function waited() { return 1; }).then(function then(n) { res.end(String(n)); });
  res.on('finish', function finished() { if (--left === 0) setImmediate(() => process.exit(0)); });
}).listen(0, '127.0.0.1', () => console.log(server.address().port));
