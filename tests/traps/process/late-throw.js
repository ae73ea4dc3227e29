'use strict';

// Thrown after the request has been answered: the application's own uncaughtException handler hears of it.

const { EventEmitter } = require('node:events');
const fs = require('node:fs');
const { Router } = require('express');

const router = Router();

class Late extends RangeError {
  constructor(message) {
    super(message);
    this.code = 'E_LATE';
  }
}

router.get('/timer', (req, res) => {
  setTimeout(() => { throw new Late('in a timer'); }, 2);
  res.send('answered');
});

router.get('/tick', (req, res) => {
  res.send('answered');
  process.nextTick(() => { throw new Late('in a tick'); });
});

router.get('/emitter', (req, res) => {
  const source = new EventEmitter();
  setImmediate(() => source.emit('error', new Late('of an emitter')));
  res.send('answered');
});

router.get('/callback', (req, res) => {
  fs.readFile(__filename, (error, data) => {
    res.send('answered');
    throw new Late(`in a callback ${data.length > 0}`);
  });
});

module.exports = router;
