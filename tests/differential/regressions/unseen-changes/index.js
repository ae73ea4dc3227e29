'use strict';
const http = require('node:http');
const { table, limits, levelOf, setLevel } = require('./state.js');
const PORTS = JSON.parse(process.argv[2]).unseen;
const names = ['x', 'y'];
let mark = 'plain';
function numbers(req) {
  const url = new URL(req.url, 'http://localhost');
  return { path: url.pathname, id: Number(url.searchParams.get('id')), b: Number(url.searchParams.get('b')) };
}
async function describe(id) {
  await null;
  return [id, mark, names.join(), table.level, [...table.m], limits.most, levelOf()].join(' ');
}
// Only requests with b > 1, which are never recorded, change anything.
const server = http.createServer(async (req, res) => {
  const { path, id, b } = numbers(req);
  if (path === '/state') return res.end(JSON.stringify([mark, names, table.level, [...table.m], limits, levelOf()]));
  if (path === '/settled') return res.end('settled');
  if (b === 2) names.push('z' + id);
  if (b === 3) table.level = id;
  if (b === 4) table.m.set(id, b);
  if (b === 5) mark = 'other';
  if (b === 6) limits.most += id;
  if (b === 7) setLevel(id);
  res.end(await describe(id));
});
server.listen(PORTS.http, '127.0.0.1');
