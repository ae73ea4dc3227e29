'use strict';
const http2 = require('http2');
let left = 2;
const server = http2.createServer(function serve(req, res) {
  res.on('finish', function finished() { if (--left === 0) setImmediate(() => process.exit(0)); });
  setImmediate(function later() { res.end('x'); });
});
server.on('stream', function streamed(stream) { stream.on('close', function closed() {}); });
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
