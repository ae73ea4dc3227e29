'use strict';

// Instances keep methods and prototype; private fields cannot be copied; instanceof holds across stages.

const { Router } = require('express');

const router = Router();
let calls = 0;

class Money {
  constructor(amount, currency) {
    this.amount = amount;
    this.currency = currency;
  }

  plus(other) {
    return new Money(this.amount + other.amount, this.currency);
  }
}

class Vault {
  #secret;

  constructor(secret) {
    this.#secret = secret;
  }

  open() {
    return this.#secret;
  }
}

async function add(a, b) {
  if (!(a instanceof Money)) throw new TypeError('not money');
  return a.plus(b);
}

async function unlock(vault) {
  return vault.open();
}

router.get('/money', async (req, res) => {
  calls += 1;
  const sum = await add(new Money(1, 'EUR'), new Money(2, 'EUR'));
  res.json({ amount: sum.amount, is: sum instanceof Money, again: sum.plus(sum).amount, keys: Object.keys(sum), calls });
});

router.get('/vault', async (req, res) => {
  calls += 1;
  res.send(String(await unlock(new Vault('gold'))));
});

module.exports = router;
