'use strict';

// A shop's web server as many teams have one: some routes cost milliseconds of CPU, some keep state in
// memory, some stream. Nothing in it knows of pipetrace.

const path = require('node:path');
const express = require('express');
const { countRequests, statistics } = require('./lib/statistics');
const { limitRate } = require('./lib/limits');
const pages = require('./lib/pages');
const accounts = require('./lib/accounts');
const images = require('./lib/images');
const files = require('./lib/files');
const search = require('./lib/search');

const app = express();
app.disable('x-powered-by');
app.set('images', path.join(__dirname, 'images'));

app.use(countRequests);
app.use(limitRate);

app.get('/', (req, res) => {
  res.json({ shop: 'open', routes: ['/pages/:name', '/preview', '/sign-in', '/me', '/images/:name'] });
});

app.use(pages.router);
app.use(accounts.router);
app.use(images.router);
app.use(files.router);
app.use(search.router);

app.get('/statistics', statistics);

app.use((req, res) => {
  res.status(404).json({ error: 'not found', path: req.path });
});

app.use((err, req, res, next) => {
  if (res.headersSent) {
    next(err);
    return;
  }
  res.status(err.status ?? 500).json({ error: err.message });
});

const server = app.listen(Number(process.env.PORT ?? process.argv[2] ?? 3000), '127.0.0.1', () => {
  console.log(`shop: http://127.0.0.1:${server.address().port}/`);
});
