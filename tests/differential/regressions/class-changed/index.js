'use strict';
const http = require('node:http');
const PORTS = JSON.parse(process.argv[2]).classes;
class Kind { static level = 1; }
class Tag { text() { return 'plain'; } }
class Small extends Tag {}
const small = new Small();
function scale(n) { return n * (scale.by ?? 1); }
const round = (n) => n - n % (round.to ?? 1);
async function level(id) { await null; return id + Kind.level; }
async function text(id) { await null; return id + small.text(); }
async function scaled(id) { await null; return scale(id); }
async function rounded(id) { await null; return round(id); }
let served = 0;
setInterval(() => { served += 0; }, 5).unref();
// Only requests with b > 1, which are never recorded, change anything.
const server = http.createServer(async (req, res) => {
  served += 1;
  const url = new URL(req.url, 'http://localhost');
  const [id, b] = ['id', 'b'].map((name) => Number(url.searchParams.get(name)));
  if (url.pathname === '/settled') return res.end('settled');
  if (b === 2) Kind.level += id;
  if (b === 3) Tag.prototype.text = () => 'changed ' + id;
  if (b === 4) scale.by = id;
  if (b === 5) round.to = 10;
  res.end([served, await level(id), await text(id), await scaled(id), await rounded(id)].join());
});
server.listen(PORTS.http, '127.0.0.1');
