'use strict';
const P = require('bluebird');
let left = 60;
const server = require('http').createServer(function serve(req, res) {
  P.resolve(req.url).then(function first(url) { return url; }).delay(1).then(function second(url) { res.end(url); });
  res.on('finish', function finished() { if (--left === 0) setImmediate(() => process.exit(0)); });
}).listen(0, '127.0.0.1', () => console.log(server.address().port));
