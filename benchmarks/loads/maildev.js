// @ts-check
'use strict';

// Mails over SMTP, and requests for them over HTTP: node maildev.js SMTP_PORT WEB_PORT

const http = require('node:http');
const net = require('node:net');

const [smtp, web] = process.argv.slice(2).map(Number);
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

/** @param {number} number @returns {Promise<void>} */
function mail(number) {
  const lines = ['EHLO localhost', 'MAIL FROM:<a@example.org>', 'RCPT TO:<b@example.org>', 'DATA',
    `Subject: number ${number}\r\nContent-Type: text/html\r\n\r\n<p>${'text '.repeat(200)}</p>\r\n.`, 'QUIT'];
  return new Promise((resolve, reject) => {
    const socket = net.connect(/** @type {number} */ (smtp), '127.0.0.1');
    socket.setEncoding('utf8');
    socket.on('data', (text) => {
      if (/^\d{3} /m.test(String(text)) && lines.length > 0) socket.write(`${lines.shift()}\r\n`);
    });
    socket.on('close', () => resolve());
    socket.on('error', reject);
  });
}

/** @param {string} path @returns {Promise<void>} */
function get(path) {
  return new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port: web, path, agent }, (answer) => {
      answer.resume();
      answer.on('end', resolve);
    }).on('error', reject);
  });
}

async function main() {
  for (let round = 0; round < 20; round += 1) {
    await mail(round);
    await Promise.all(['/email', '/config', '/healthz', '/', '/email/none'].map(get));
  }
  agent.destroy();
}

main().catch((error) => {
  console.error(`load: ${error.message}`);
  process.exitCode = 1;
});
