'use strict';

const http = require('node:http');
const { Router } = require('tiny-router');
const heavy = require('./heavy');

const router = new Router();
const results = new Map();
let hits = 0;

// State before the call only; an error of the call goes to `next`.
router.get('/plain', (request, response, next) => {
  hits += 1;
  const given = { text: request.text };
  if (given.text === '') {
    next(new Error('no text'));
    return;
  }
  const { sum, length } = heavy.digest(given);
  response.end(JSON.stringify({ sum, length, seen: given.seen }));
});

// Awaited already, so state may be used on both sides.
router.get('/awaited', async (request, response) => {
  hits += 1;
  const result = await heavy.digest({ text: request.text });
  results.set(request.text, result);
  response.end(JSON.stringify([result, results.has(request.text)]));
});

// An async handler with several steps, where the call stands in `try` and a loop.
router.get('/steps', async (request, response) => {
  hits += 1;
  const found = [];
  for (const text of [request.text, 'bad', 'end']) {
    try {
      found.push(heavy.digest({ text }).sum);
    } catch (error) {
      found.push(error.message);
    }
  }
  response.end(JSON.stringify(found));
});

// One step from the first use of `hits` to the last.
router.get('/counted', (request, response) => {
  const before = hits;
  const { sum } = heavy.digest({ text: request.text });
  hits = before + 1;
  response.end(JSON.stringify({ sum }));
});

// The result goes to a method at once.
class Shown {
  static show(request, response) {
    hits += 1;
    response.end(`${heavy.digest({ text: request.text }).sum}\n`);
  }
}
router.get('/shown', Shown.show);

// Two calls of which one is given what the other returns: the second one's error comes after the header.
router.get('/drawn', (request, response) => {
  const drawing = heavy.draw(request.text);
  response.setHeader('x-drawn', 'yes').end(heavy.print(drawing));
});

router.get('/nested', (request, response) => {
  hits += 1;
  response.end(heavy.print(heavy.draw(request.text)));
});

// A function of the module is given to the calls.
function Page({ text }) {
  return `<p>${text} ${heavy.digest({ text }).sum}</p>`;
}
router.get('/rendered', (request, response) => {
  response.end(heavy.render(heavy.element(Page, { text: request.text })));
});

const server = http.createServer((request, response) => router.handle(request, response));
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1');
