'use strict';

// Answers with the body that it got, after as many rounds of work as the URL says: /handler/ROUNDS works in the function
// that answers, /kernel/ROUNDS in a function that it waits for and that gets and returns data only.

const http = require('node:http');

function spin(rounds) {
  let sum = 1;
  for (let i = 0; i < rounds; i += 1) sum = (sum * 16807) % 2147483647;
  return sum;
}

async function handler(req, res, rounds, body) {
  res.setHeader('x-sum', spin(rounds));
  res.end(body);
}

async function kernel(rounds, body) {
  return { sum: spin(rounds), body };
}

async function answer(res, rounds, body) {
  const result = await kernel(rounds, body);
  res.setHeader('x-sum', result.sum);
  res.end(result.body);
}

const server = http.createServer((req, res) => {
  const [, route, rounds] = req.url.split('/');
  const parts = [];
  req.setEncoding('latin1');
  req.on('data', (part) => parts.push(part));
  req.on('end', () => {
    const done = route === 'kernel' ? answer(res, Number(rounds), parts.join('')) : handler(req, res, Number(rounds), parts.join(''));
    done.catch((error) => {
      res.statusCode = 500;
      res.end(error.message);
    });
  });
});

server.listen(Number(process.env.PORT ?? 0), '127.0.0.1');
