'use strict';
const $pt = require('@pipetrace/runtime').file('app.js');
const app = require('polka')();
app.use($pt.handler('app.js#mw', (req, res, next) => { req.m = 2; next(); }));
app.get('/a', $pt.handler('app.js#a', (req, res) => { res.end('a' + req.query.x + req.m + req.path); }));
app.get('/p/:id', $pt.handler('app.js#p', (req, res) => { res.end(req.params.id); }));
app.get('/next', $pt.handler('app.js#next', (req, res, next) => { next('bad'); }));
app.listen(0, () => console.log('port ' + app.server.address().port));
