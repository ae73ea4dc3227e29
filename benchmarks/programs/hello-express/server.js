'use strict';

// The least that a server can do, so that every microsecond of a recorder shows.

const express = require('express');

const app = express();
app.use((request, response, next) => {
  request.seen = true;
  next();
});
app.get('/', (request, response) => {
  response.send('hello');
});
app.listen(0, '127.0.0.1');
