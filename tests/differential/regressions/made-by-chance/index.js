'use strict';
const http = require('node:http');
const PORTS = JSON.parse(process.argv[2]).chance;
// The start makes a function with something random in it: a stage has its own, and no copy could be sent before it has.
function make(k) {
  const drawn = Math.random();
  return async (id) => {
    let x = id;
    for (let i = 0; i < 100000; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
    return [x, k, drawn < 1];
  };
}
const made = make(3);
const server = http.createServer(async (req, res) => {
  const url = new URL(req.url, 'http://localhost');
  if (url.pathname !== '/r0') return res.end(url.pathname);
  res.end(String(await made(Number(url.searchParams.get('id')))));
});
server.listen(PORTS.http, '127.0.0.1');
