'use strict';

// The many ways in which Express sends something.

const path = require('node:path');
const { Router } = require('express');

const router = Router();
const page = path.join(__dirname, 'page.txt');
const OPTIONS = { lastModified: false, etag: false };

router.get('/json', (req, res) => res.json({ a: [1, null, 'ü'] }));
router.get('/html', (req, res) => { res.send('<p>ünïcode</p>'); });
router.get('/buffer', (req, res) => { res.send(Buffer.from([1, 2, 3])); });
router.get('/type', (req, res) => { res.type('.svg').send('<svg/>'); });
router.get('/send-file', (req, res) => { res.sendFile(page, OPTIONS); });
router.get('/download', (req, res, next) => { res.download(page, 'named.txt', OPTIONS, (error) => { if (error) next(error); }); });
router.get('/redirect', (req, res) => { res.redirect(303, '/elsewhere?x=1'); });
router.get('/attachment', (req, res) => { res.attachment('sheet.csv').send('a,b'); });
router.get('/jsonp', (req, res) => { res.jsonp({ p: 1 }); });
router.get('/links', (req, res) => { res.links({ next: '/2' }).location('/here').send('links'); });
router.get('/range', (req, res) => { res.sendFile(page, OPTIONS); });
router.get('/format', (req, res, next) => {
  res.format({
    json: () => res.json({ format: 'json' }),
    html: () => res.send('<p>html</p>'),
    default: () => next(Object.assign(new Error('not acceptable'), { status: 406 })),
  });
});

module.exports = router;
