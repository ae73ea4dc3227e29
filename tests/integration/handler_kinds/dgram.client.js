const socket = require('dgram').createSocket('udp4');
let left = 2;
const ask = () => socket.send('x', Number(process.argv[2]), '127.0.0.1');
socket.on('message', () => { if (--left === 0) socket.close(); else ask(); });
ask();
