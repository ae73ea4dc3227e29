const socket = require('net').connect(Number(process.argv[2]), '127.0.0.1');
for (let path = 0; path < 60; path++) socket.write(`GET /${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
socket.resume();
