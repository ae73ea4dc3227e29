'use strict';
const http = require('node:http');
const util = require('node:util');
const PORTS = JSON.parse(process.argv[2]).getter;
let seen = 0;
setInterval(() => { seen += 0; }, 5).unref();
async function made(id, given) {
  given.late = 1;
  return [util.inspect(given), { get sum() { return id; } }, { set sum(value) {} }, { get sum() { return 1; }, set sum(value) {} }];
}
const server = http.createServer(async (req, res) => {
  const id = Number(new URL(req.url, 'http://localhost').searchParams.get('id'));
  seen += 1;
  res.end(util.inspect(await made(id, { get own() { return id; } })));
});
server.listen(PORTS.http, '127.0.0.1');
