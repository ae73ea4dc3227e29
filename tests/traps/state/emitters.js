'use strict';

// Listeners are called at once, in order, with the emitter as `this`; an 'error' without a listener is thrown.

const { EventEmitter, once } = require('node:events');
const { Router } = require('express');

const router = Router();
const hub = new EventEmitter();
const log = [];

hub.on('price', (order) => {
  order.price = order.items * 3;
});
hub.on('price', (order) => {
  order.discount = order.price > 5;
});
hub.on('me', function () {
  log.push(this === hub);
});
hub.on('slow', async (order) => {
  await null;
  log.push(`slow ${order.id}`);
});

router.get('/results', (req, res) => {
  const order = { items: 2 };
  const heard = hub.emit('price', order);
  res.json({ order, heard, nobody: hub.emit('nobody') });
});

router.get('/once', (req, res) => {
  let count = 0;
  hub.once('go', () => { count += 1; });
  hub.emit('go');
  hub.emit('go');
  res.json({ count, left: hub.listenerCount('go') });
});

router.get('/this', (req, res) => {
  hub.emit('me');
  res.json(log.splice(0));
});

router.get('/order', (req, res) => {
  const order = [];
  const one = () => order.push('one');
  const two = () => order.push('two');
  hub.on('turn', one);
  hub.prependListener('turn', two);
  hub.emit('turn');
  hub.off('turn', one);
  hub.emit('turn');
  hub.off('turn', two);
  res.json(order);
});

router.get('/error', (req, res) => {
  try {
    hub.emit('error', new RangeError('nobody listens'));
  } catch (error) {
    res.json([error.name, error.message]);
  }
});

router.get('/later', async (req, res) => {
  setTimeout(() => hub.emit('late', 'value'), 3);
  const [value] = await once(hub, 'late');
  hub.emit('slow', { id: 1 });
  await new Promise((resolve) => setTimeout(resolve, 5));
  res.json([value, ...log.splice(0)]);
});

module.exports = router;
