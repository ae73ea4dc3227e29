'use strict';
let left = 2;
const socket = require('dgram').createSocket('udp4');
socket.on('message', function message(data, from) {
  socket.send(data, from.port, from.address, function sent() { if (--left === 0) socket.close(); });
});
socket.bind(0, '127.0.0.1', () => console.log(socket.address().port));
