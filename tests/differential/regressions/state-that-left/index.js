'use strict';
const http = require('node:http');
const PORTS = JSON.parse(process.argv[2]).left;
let made;
function get() { return (made ??= { n: 0 }); }
async function look(id) { await null; return id + get().n; }
let served = 0;
setInterval(() => { served += 0; }, 5).unref();
// Only requests with b > 1, which are never recorded, change on the entry what moved away with `look`.
const server = http.createServer(async (req, res) => {
  served += 1;
  const url = new URL(req.url, 'http://localhost');
  const [id, b] = ['id', 'b'].map((name) => Number(url.searchParams.get(name)));
  if (url.pathname === '/settled') return res.end('settled');
  if (b === 2) get().n = id;
  res.end([served, await look(id)].join());
});
server.listen(PORTS.http, '127.0.0.1');
