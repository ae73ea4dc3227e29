'use strict';
const http = require('node:http');
const PORTS = JSON.parse(process.argv[2]).p20119;
// A reaction where a promise is rejected, and called for its result elsewhere: with b = 2, which is never recorded, and with 1.
function told(error) {
  return `told ${error.message}`;
}
const load = (b) => new Promise((resolve, reject) => setImmediate(() => (b > 0 ? reject(new Error(`no ${b}`)) : resolve(b))));
const server = http.createServer((req, res) => {
  const url = new URL(req.url, 'http://localhost');
  if (url.pathname !== '/r0') return res.end(url.pathname);
  const b = Number(url.searchParams.get('b'));
  load(b).catch(told).then((text) => {
    const out = [text];
    if (b === 1) out.push(told(new Error('directly')));
    if (b === 2) out.push(['a', 'b'].map((part) => told(new Error(part))).join());
    res.end(out.join(' '));
  });
});
server.listen(PORTS.http, '127.0.0.1');
