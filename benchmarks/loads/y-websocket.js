// @ts-check
'use strict';

// People who edit documents together over WebSockets: node y-websocket.js PORT PACKAGE

const { createRequire } = require('node:module');
const path = require('node:path');
const timers = require('node:timers/promises');

const [port, directory] = /** @type {[string, string]} */ (process.argv.slice(2));
const load = createRequire(path.join(directory, 'package.json'));
const WebSocket = load('ws');
const Y = load('yjs');
const { WebsocketProvider } = load('y-websocket');

/** @param {string} room @param {number} number @returns {Promise<void>} */
async function edit(room, number) {
  const doc = new Y.Doc();
  const provider = new WebsocketProvider(`ws://127.0.0.1:${port}`, room, doc, { WebSocketPolyfill: WebSocket, disableBc: true });
  while (!provider.synced) await timers.setTimeout(5);
  for (let at = 0; at < 30; at += 1) {
    doc.getText('page').insert(0, `${number}:${at} `);
    await timers.setTimeout(1);
  }
  await timers.setTimeout(50);
  provider.destroy();
}

async function main() {
  for (let round = 0; round < 4; round += 1) {
    await Promise.all([1, 2, 3, 4].map((number) => edit(`room${number % 2}`, number)));
  }
}

// The packages keep timers.
main().then(() => process.exit(0), (error) => {
  console.error(`load: ${error.message}`);
  process.exit(1);
});
