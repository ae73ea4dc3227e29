'use strict';
// ask: GET /a, POST /b {"a":1}
let left = 2;
const server = require('http').createServer(function serve(req, res) {
  let size = 0;
  req.on('data', function piece(data) { size += data.length; });
  req.on('end', function ended() { setTimeout(function answer() { res.end(String(size)); }, 1); });
  res.on('finish', function finished() { if (--left === 0) setImmediate(() => process.exit(0)); });
}).listen(0, '127.0.0.1', () => console.log(server.address().port));
