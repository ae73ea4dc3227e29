'use strict';
const http = require('node:http');
const { inspect } = require('node:util');
const PORTS = JSON.parse(process.argv[2]).marked;
async function mark(id, item) {
  item.touched = id;
  let sum = 0;
  for (let i = 0; i < 20000; i++) sum = (sum * 31 + i) | 0;
  await null;
  return sum;
}
let served = 0;
setInterval(() => { served += 0; }, 5).unref();
// It looks at the whole object after a call that writes a part of it, and before it waits for the call.
const server = http.createServer(async (req, res) => {
  served += 1;
  const url = new URL(req.url, 'http://localhost');
  if (url.pathname === '/settled') return res.end('settled');
  const item = { name: 'm' };
  const marked = mark(Number(url.searchParams.get('id')), item);
  const seen = inspect(item);
  res.end([served, seen, await marked].join());
});
server.listen(PORTS.http, '127.0.0.1');
