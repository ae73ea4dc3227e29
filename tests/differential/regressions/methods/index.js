'use strict';
const http = require('node:http');
const { pages, tally } = require('./pages.js');
const PORTS = JSON.parse(process.argv[2]).methods;
let served = 0;
const table = { level: 1, log: [] };
setInterval(() => { served += 0; tally.more(0); }, 5).unref();
class Notes {
  add(id, b) {
    if (b === 2) served += id;
    if (b === 3) table.log.push(id);
    return [id, table.level, table.log.length].join();
  }
}
const notes = new Notes();
const note = async (id, b) => { await null; return notes.add(id, b); };
const page = async (id, b) => { await null; return pages.show(id, b); };
const server = http.createServer(async (req, res) => {
  const url = new URL(req.url, 'http://localhost');
  const [id, b] = ['id', 'b'].map((name) => Number(url.searchParams.get(name)));
  if (url.pathname === '/settled') return res.end('settled');
  served += 1;
  tally.more(1);
  if (b === 5) table.level = id;
  if (b === 6) pages.titles.push('t' + id);
  if (url.pathname === '/state') return res.end(JSON.stringify([served, table, tally.all(), pages.titles]));
  res.end([served, await note(id, b), await page(id, b)].join());
});
server.listen(PORTS.http, '127.0.0.1');
