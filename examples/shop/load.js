'use strict';

// A bounded mix of requests to every route: node load.js PORT [ROUNDS] [CONNECTIONS]

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const [port, rounds = 40, connections = 4] = process.argv.slice(2).map(Number);
const text = fs.readFileSync(path.join(__dirname, 'content', 'guide.md'), 'utf8');
const agent = new http.Agent({ keepAlive: true, maxSockets: connections });

/** @returns {Promise<number>} the status */
function send(method, url, headers = {}, body = undefined) {
  return new Promise((resolve, reject) => {
    const request = http.request({ port, host: '127.0.0.1', agent, method, path: url, headers }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode));
      answer.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

const json = { 'content-type': 'application/json' };

async function user(name) {
  for (let i = 0; i < rounds; i += 1) {
    const session = { 'x-session': `s-${name}`, 'x-user': name };
    await send('GET', '/', session);
    await send('GET', '/pages/about');
    await send('GET', '/pages/guide?fresh=1');
    await send('POST', '/preview', { 'content-type': 'text/markdown', 'x-title': name }, text);
    await send('POST', '/sign-in', json, JSON.stringify({ user: 'ada', password: 'correct horse' }));
    await send('POST', '/sign-in', json, JSON.stringify({ user: 'grace', password: `guess ${i}` }));
    await send('GET', '/me', session);
    await send('GET', '/images/photo?width=64', session);
    await send('GET', `/search?q=stage`);
    await send('GET', '/no/such/page');
    if (i % 5 === 0) {
      await send('POST', '/upload', { 'content-type': 'application/octet-stream' }, Buffer.alloc(50_000, name));
      await send('GET', '/export.csv?rows=500');
      await send('POST', '/index');
      await send('DELETE', '/cache');
      await send('POST', '/sign-out', session);
      await send('GET', '/images/none');
      await send('GET', '/statistics');
    }
  }
}

Promise.all(Array.from({ length: connections }, (_, i) => user(`user${i}`))).then(
  () => agent.destroy(),
  (error) => {
    console.error(`load: ${error.message}`);
    process.exitCode = 1;
    agent.destroy();
  },
);
