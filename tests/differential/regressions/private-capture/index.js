'use strict';
const http = require('node:http');
const { AsyncLocalStorage } = require('node:async_hooks');
const PORTS = JSON.parse(process.argv[2]).secrets;
const als = new AsyncLocalStorage();
class Vault {
  #held;
  constructor(held) { this.#held = held; }
  open() { return this.#held; }
}
function make(k) {
  const own = new Vault(k);
  return async (id) => {
    const inside = await als.run({ id }, async () => als.getStore().id);
    return [own.open(), inside].join();
  };
}
const both = make(6);
const server = http.createServer(async (req, res) => {
  const url = new URL(req.url, 'http://localhost');
  if (url.pathname === '/settled') return res.end('settled');
  res.end(await both(url.searchParams.get('id')));
});
server.listen(PORTS.http, '127.0.0.1');
