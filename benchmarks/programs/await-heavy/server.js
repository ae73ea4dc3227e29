'use strict';

// Almost nothing but awaits: each request looks 50 numbers up through four async functions.

const http = require('node:http');

const cache = new Map();

async function read(key) {
  const found = cache.get(key);
  if (found !== undefined) return found;
  const value = await parse(`${key},${key * 2}`);
  cache.set(key, value);
  if (cache.size > 500) cache.delete(cache.keys().next().value);
  return value;
}

async function parse(text) {
  await null;
  return text.split(',').map(Number);
}

async function check(user) {
  await null;
  return user % 7 !== 0;
}

async function add(list) {
  await null;
  return list[0] + list[1];
}

async function handle(number) {
  if (!(await check(number))) return 0;
  const parts = await Promise.all([read(number % 1000), read((number * 31) % 1000)]);
  let sum = 0;
  for (const part of parts) sum += await add(part);
  return sum;
}

let next = 0;

const server = http.createServer(async (request, response) => {
  let total = 0;
  for (let count = 0; count < 50; count += 1) total += await handle(next++);
  response.end(String(total));
});

server.listen(0, '127.0.0.1');
