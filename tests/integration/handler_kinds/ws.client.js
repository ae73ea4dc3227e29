const { WebSocket } = require('ws');
const socket = new WebSocket(`ws://127.0.0.1:${process.argv[2]}`);
let count = 0;
socket.on('open', () => socket.send('a')).on('message', () => { if (++count === 2) socket.close(); else socket.send('b'); });
