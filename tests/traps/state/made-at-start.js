'use strict';

// Handlers that the start makes: in a class, by a factory called several times, in a loop. Some of what they capture changes.

const { Router } = require('express');

class Pages {
  #format = (row) => ({ ...row, shown: true });

  constructor(router, rows) {
    this.rows = rows;
    router.get('/row/:id', (req, res) => {
      res.json(this.#format(this.find(Number(req.params.id))));
    });
  }

  find(id) {
    return this.rows.get(id) || null;
  }
}

class Visits {
  count = 0;

  constructor(router) {
    router.get('/visit', (req, res) => {
      this.count += 1;
      res.json({ count: this.count });
    });
    router.get('/visits', (req, res) => {
      res.json({ known: req.query.known === undefined, count: req.query.known && this.count });
    });
  }
}

function greeter(words, transform) {
  return (req, res) => {
    res.send(transform(words.join(' ')));
  };
}

function setup() {
  const router = new Router();
  const seen = new Map();
  const limits = { most: 3, check: (n) => n <= limits.most };
  let level = 1;
  const raise = () => { level += 1; return level; };
  const visits = new Visits(router);
  const pages = new Pages(router, new Map([[1, { name: 'one' }], [2, { name: 'two' }]]));
  router.get('/upper', greeter(['good', 'day'], (text) => text.toUpperCase()));
  router.get('/twice', greeter(['good', 'night'], (text) => `${text} ${text}`));
  for (const kind of ['a', 'b', 'c']) {
    const mark = () => `<${kind}>`;
    router.get(`/loop/${kind}`, (req, res) => {
      res.send(mark() + pages.find(1).name);
    });
  }
  router.get('/visited', (req, res) => {
    res.json({ visited: req.query.known !== undefined && visits.count > 0 });
  });
  router.get('/later', (req, res) => {
    greeter(['made', 'later'], (text) => text.length)(req, { send: (length) => res.json({ length }) });
  });
  router.get('/count', (req, res) => {
    const count = (seen.get(req.path) || 0) + 1;
    seen.set(req.path, count);
    res.json({ count, within: limits.check(count) });
  });
  router.get('/limit', (req, res) => {
    res.json([1, 2, 3, 4].map((n) => limits.check(n)));
  });
  router.get('/raise', (req, res) => {
    res.json({ level: raise() });
  });
  router.get('/fewer', (req, res) => {
    limits.most -= 1;
    res.json(limits.most);
  });
  return router;
}

module.exports = setup();
