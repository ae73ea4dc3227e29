'use strict';

// Header names keep their case, lists stay lists, invalid ones are refused at once.

const { Router } = require('express');

const router = Router();

router.get('/multi', (req, res) => {
  res.setHeader('X-List', ['a', 'b']);
  res.append('X-List', 'c').vary('Accept').vary('Origin');
  res.json({ many: req.headers['x-many'], distinct: req.headersDistinct['x-many'] });
});

router.get('/case', (req, res) => {
  res.setHeader('x-lower', 1);
  res.setHeader('X-UPPER', 'two');
  res.json({ names: res.getHeaderNames(), raw: res.getRawHeaderNames(), has: res.hasHeader('X-LOWER') });
});

router.get('/remove', (req, res) => {
  res.setHeader('X-Gone', 'soon');
  res.removeHeader('x-gone');
  res.send(String(res.getHeader('X-Gone')));
});

router.get('/raw', (req, res) => {
  res.json({ raw: req.rawHeaders.filter((word) => /^x-/i.test(word)), version: req.httpVersion, get: req.get('x-case').length });
});

router.get('/flush', (req, res) => {
  res.setHeader('X-Early', 'yes');
  res.flushHeaders();
  setTimeout(() => { res.end(`sent ${res.headersSent}`); }, 2);
});

router.get('/invalid', (req, res) => {
  try {
    res.setHeader('X Bad', 'name');
  } catch (error) {
    res.json([error.code, error instanceof TypeError]);
  }
});

router.get('/forwarded', (req, res) => {
  res.json({
    host: req.hostname, ip: req.ip, protocol: req.protocol, secure: req.secure, xhr: req.xhr, accepts: req.accepts(['json', 'html']),
    language: req.acceptsLanguages('en', 'de'), fresh: req.fresh, address: req.socket.remoteAddress, family: req.socket.remoteFamily,
  });
});

module.exports = router;
