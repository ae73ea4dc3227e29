'use strict';
// ask: GET /user/1, GET /user/2, POST /save {"a":1}, GET /boom
const express = require('express5');
let left = 4;
const app = express();
app.use(function log(req, res, next) {
  res.on('finish', function finished() { if (--left === 0) setImmediate(() => process.exit(0)); });
  next();
});
app.get('/user/:id', function find(req, res, next) { setTimeout(function found() { next(); }, 1); },
  async function show(req, res) { await null; res.send('x'); });
app.post('/save', express.json(), function save(req, res) { res.json(req.body); });
app.get('/boom', function boom() { throw new Error('no'); });
app.use(function failed(error, req, res, next) { res.status(500).end(); });
const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
