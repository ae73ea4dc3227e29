'use strict';
const server = require('net').createServer(function joined(socket) {
  socket.on('data', function piece(data) { setImmediate(function answer() { socket.write(data); }); });
  socket.on('close', function left() { setImmediate(() => process.exit(0)); });
}).listen(0, '127.0.0.1', () => console.log(server.address().port));
