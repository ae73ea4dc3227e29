'use strict';
// No module leads to the application, and a library puts itself between it and the server, as those for sockets do.
const $pt = require('@pipetrace/runtime').file('app.js');
const http = require('http');
function start() {
  const app = require('express')();
  app.get('/a', $pt.handler('app.js#a', (req, res) => { res.json({ x: req.query.x, ip: req.ip, is: req.is('html') }); }));
  const server = http.createServer(app);
  const listeners = server.listeners('request').slice();
  server.removeAllListeners('request');
  server.on('request', (req, res) => { for (const listener of listeners) listener.call(server, req, res); });
  server.listen(0, () => console.log('port ' + server.address().port));
}
start();
