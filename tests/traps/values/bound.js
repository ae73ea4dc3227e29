'use strict';

// Methods of an object handed over as handlers: bound, and with state behind `this`.

const { Router } = require('express');

const router = Router();

class Counter {
  constructor(step) {
    this.step = step;
    this.total = 0;
    this.handle = this.handle.bind(this);
  }

  handle(req, res) {
    this.total += this.step;
    res.json({ total: this.total });
  }

  static describe(value) {
    return `counter ${value.total}`;
  }

  async scaled(by) {
    return this.total * by;
  }
}

const counter = new Counter(2);

router.get('/', counter.handle);
router.get('/scaled', async (req, res) => {
  res.json({ scaled: await counter.scaled(10), text: Counter.describe(counter) });
});

module.exports = router;
