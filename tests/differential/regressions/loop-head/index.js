'use strict';
const http = require('node:http');
const PORTS = JSON.parse(process.argv[2]).loops;
let mode = 'on';
const names = ['x'];
const inner = { v: 1 };
async function describe(id) {
  await null;
  return [id, mode, names.join(), Object.isFrozen(inner)].join(' ');
}
// Only requests with b > 1, which are never recorded, change anything: by heads of loops, and by methods called for another object.
const server = http.createServer(async (req, res) => {
  const url = new URL(req.url, 'http://localhost');
  if (url.pathname !== '/r0') return res.end(url.pathname === '/state' ? JSON.stringify([mode, names, inner]) : 'settled');
  const [id, b] = [Number(url.searchParams.get('id')), Number(url.searchParams.get('b'))];
  if (b === 2) for (mode in { in: id }) break;
  if (b === 3) for (mode of ['of', 'of' + id]);
  if (b === 4) Array.prototype.push.apply(names, [id]);
  if (b === 5) Object.freeze(inner);
  if (b === 6) for ([mode] of [['taken']]);
  res.end(await describe(id));
});
server.listen(PORTS.http, '127.0.0.1');
