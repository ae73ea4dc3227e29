// @ts-check
'use strict';

// Counters, timers, gauges and sets as datagrams, then questions to the management port: node statsd.js PORT MANAGEMENT_PORT

const dgram = require('node:dgram');
const net = require('node:net');

const [port, management] = process.argv.slice(2).map(Number);
const socket = dgram.createSocket('udp4');
const KINDS = ['hits:1|c', 'hits:2|c|@0.5', 'latency:320|ms', 'queue:7|g', 'queue:+3|g', 'users:u4|s', 'a:1|c\nb:2|c'];

/** @param {number} left */
function send(left) {
  if (left === 0) {
    socket.close();
    ask();
    return;
  }
  socket.send(`app${left % 20}.${KINDS[left % KINDS.length]}`, port, '127.0.0.1', () => setImmediate(send, left - 1));
}

function ask() {
  const questions = ['counters\n', 'gauges\n', 'quit\n'];
  const client = net.connect(/** @type {number} */ (management), '127.0.0.1', () => client.write(String(questions.shift())));
  client.on('data', (data) => {
    if (String(data).includes('END') && questions.length > 0) client.write(String(questions.shift()));
  });
}

send(1000);
