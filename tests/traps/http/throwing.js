'use strict';

// Errors reach the error middleware: thrown at once, given to next, rejected, thrown in a promise reaction.

const { Router } = require('express');

const router = Router();

class Invalid extends TypeError {
  constructor(message, options) {
    super(message, options);
    this.name = 'Invalid';
    this.status = 422;
    this.code = 'E_INVALID';
  }
}

router.get('/sync', (req, res) => {
  throw new RangeError('thrown at once');
});

router.get('/async', async (req, res, next) => {
  try {
    await Promise.reject(new Error('rejected', { cause: new Error('the cause') }));
  } catch (error) {
    next(error);
  }
});

router.get('/next', (req, res, next) => {
  setTimeout(() => next(Object.assign(new Error('later'), { status: 503, code: 'E_LATER' })), 2);
});

router.get('/class', (req, res) => {
  throw new Invalid('of a class', { cause: new Error('deeper') });
});

router.get('/string', (req, res, next) => {
  next({ status: 400, message: 'not an error', name: 'Plain' });
});

router.get('/reaction', (req, res, next) => {
  Promise.resolve(1).then((value) => value.nothing.at.all).catch(next);
});

router.get('/promise', (req, res, next) => {
  new Promise((resolve, reject) => setTimeout(reject, 1, new Invalid('rejected later'))).then(() => res.end(), next);
});

module.exports = router;
