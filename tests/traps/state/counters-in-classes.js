'use strict';

// State in instances and in static members, behind methods, some of them private.

const { Router } = require('express');

const router = Router();

class Meter {
  static made = 0;

  #count = 0;

  constructor() {
    Meter.made += 1;
  }

  hit() {
    this.#count += 1;
    return this.#count;
  }

  static async describe() {
    return `made ${Meter.made}`;
  }
}

const meter = new Meter();

router.get('/hit', async (req, res) => {
  res.json({ count: meter.hit() });
});

router.get('/static', async (req, res) => {
  new Meter();
  res.send(await Meter.describe());
});

module.exports = router;
