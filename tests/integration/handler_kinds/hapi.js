'use strict';
// ask: GET /user/1, POST /save {"a":1}, GET /boom
const Hapi = require('@hapi/hapi');
let left = 3;
const server = Hapi.server({ port: 0, host: '127.0.0.1' });
server.ext('onRequest', function enter(request, h) { return h.continue; });
server.ext('onPreResponse', async function leave(request, h) { await null; return h.continue; });
server.route({ method: 'GET', path: '/user/{id}', handler: async function show(request) { await null; return request.params.id; } });
server.route({ method: 'POST', path: '/save', handler: function save(request) { return request.payload; } });
server.route({ method: 'GET', path: '/boom', handler: function boom() { throw new Error('no'); } });
server.events.on('response', function answered() { if (--left === 0) setImmediate(() => process.exit(0)); });
server.start().then(() => console.log(server.info.port));
