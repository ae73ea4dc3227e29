'use strict';

// One path, several methods, chained.

const { Router } = require('express');

const router = Router();

router.route('/thing')
  .all((req, res, next) => {
    res.set('X-All', req.method);
    next();
  })
  .get((req, res) => { res.send('got'); })
  .put(async (req, res) => { res.send('put'); })
  .delete((req, res) => { res.status(204).end(); });

router.all('/all', (req, res) => { res.send(`all ${req.method}`); });

module.exports = router;
