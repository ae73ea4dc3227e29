let count = 0;
const socket = require('net').connect(Number(process.argv[2]), '127.0.0.1', () => socket.write('a'));
socket.on('data', () => { if (++count === 2) socket.end(); else socket.write('b'); });
