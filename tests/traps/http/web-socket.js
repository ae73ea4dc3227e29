'use strict';

// A WebSocket: its messages are answered in order, some after a function that moves.

const { WebSocketServer } = require('ws');

let count = 0;

async function weigh(text) {
  let sum = 0;
  for (let i = 0; i < 1000; i += 1) sum += text.charCodeAt(i % text.length);
  return `weighed ${sum}`;
}

exports.attach = (server) => {
  const sockets = new WebSocketServer({ server, path: '/web-socket' });
  sockets.on('connection', (socket) => {
    let waiting = Promise.resolve();
    socket.send('welcome');
    socket.on('message', (data) => {
      count += 1;
      const text = data.toString();
      waiting = waiting.then(async () => {
        socket.send(text === 'heavy' ? await weigh(text) : `echo ${text}`);
      });
    });
  });
};

exports.count = () => count;
