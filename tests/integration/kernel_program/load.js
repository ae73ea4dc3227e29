'use strict';

const http = require('node:http');

const port = Number(process.argv[2]);
const agent = new http.Agent({ keepAlive: true, maxSockets: 3 });

/** @param {string} path */
const get = (path) => new Promise((resolve, reject) => {
  http.get({ port, host: '127.0.0.1', path, agent }, (answer) => {
    answer.resume();
    answer.on('end', resolve);
  }).on('error', reject);
});

async function user(name) {
  for (let i = 0; i < 8; i += 1) {
    for (const path of ['plain', 'awaited', 'steps', 'counted', 'shown', 'drawn', 'nested', 'rendered']) await get(`/${path}?text=${name}${i}`);
    await get('/plain?text=bad');
    await get('/awaited?text=bad');
    await get('/shown?text=bad');
    for (const path of ['drawn', 'nested']) for (const text of ['bad', 'late']) await get(`/${path}?text=${text}`);
    await get('/plain');
    await get('/none');
  }
}

Promise.all(['a', 'b', 'c'].map(user)).then(() => agent.destroy());
