'use strict';

// A secret that is drawn at the start and that only a private field knows.

const crypto = require('node:crypto');
const { Router } = require('express');

const signed = new Map();

class Signer {
  #key;

  constructor(key) {
    this.#key = key;
  }

  sign(text) {
    return crypto.createHmac('sha256', this.#key).update(text).digest('hex');
  }
}

function setup(signer) {
  const sign = (text) => signer.sign(text);
  const router = new Router();
  router.get('/note/:text', (req, res) => {
    signed.set(req.params.text, sign(req.params.text));
    res.send('noted');
  });
  router.get('/sign/:text', (req, res) => {
    res.set('X-Signature', sign(req.params.text));
    res.send('signed');
  });
  router.get('/same/:text', (req, res) => {
    res.json(signed.get(req.params.text) === req.get('X-Signature'));
  });
  return router;
}

module.exports = setup(new Signer(crypto.randomBytes(16)));
