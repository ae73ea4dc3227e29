'use strict';
const { Worker, MessageChannel } = require('worker_threads');
const worker = new Worker(`require('worker_threads').parentPort.on('message', (n) => {
  require('worker_threads').parentPort.postMessage(n);
  if (n === 2) process.exit(0);
})`, { eval: true });
worker.on('message', function answered(n) { if (n === 1) worker.postMessage(2); });
worker.on('exit', function ended() {});
worker.postMessage(1);
const { port1, port2 } = new MessageChannel();
port1.on('message', function heard() { port1.close(); });
setTimeout(function say() { port2.postMessage('x'); }, 1);
