'use strict';
const http = require('node:http');
const PORTS = JSON.parse(process.argv[2]).unwaited;
function heavy(n, id) {
  let x = id;
  for (let i = 0; i < n * 1000; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
  return x;
}
let hits = 0;
setInterval(() => { hits += 0; }, 5).unref();
async function load(b) {
  if (b === 2) throw new Error('not there');
  return b;
}
// Only b = 2, which is never recorded, rejects; nobody handles that while somebody waits for heavy().
const server = http.createServer(async (req, res) => {
  const url = new URL(req.url, 'http://localhost');
  if (url.pathname === '/state') return res.end(String(hits));
  if (url.pathname !== '/r0') return res.end(url.pathname);
  const [id, b] = [Number(url.searchParams.get('id')), Number(url.searchParams.get('b'))];
  hits += 1;
  const out = [];
  const pending = load(b);
  out.push(heavy(900, id));
  try {
    out.push(await pending);
  } catch (error) {
    out.push(error.message);
  }
  res.end(out.join());
});
server.listen(PORTS.http, '127.0.0.1');
