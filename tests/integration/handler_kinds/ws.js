'use strict';
const { WebSocketServer } = require('ws');
const server = require('http').createServer().listen(0, '127.0.0.1', () => console.log(server.address().port));
const sockets = new WebSocketServer({ server });
sockets.on('connection', function joined(socket) {
  socket.on('message', function told(data) { setTimeout(function answer() { socket.send(String(data)); }, 1); });
  socket.on('close', function left() { setImmediate(() => process.exit(0)); });
});
