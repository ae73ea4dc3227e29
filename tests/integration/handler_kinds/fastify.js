'use strict';
// ask: GET /user/1, POST /save {"a":1}, GET /boom
let left = 3;
const app = require('fastify')();
app.addHook('onRequest', async function enter(request) { await null; });
app.addHook('preHandler', function check(request, reply, done) { setImmediate(function checked() { done(); }); });
app.addHook('onResponse', async function leave() { if (--left === 0) setImmediate(() => process.exit(0)); });
app.get('/user/:id', async function show(request) { await null; return { id: request.params.id }; });
app.post('/save', function save(request, reply) { reply.send(request.body); });
app.get('/boom', async function boom() { throw new Error('no'); });
app.setErrorHandler(function failed(error, request, reply) { reply.code(500).send('no'); });
app.listen({ port: 0, host: '127.0.0.1' }).then(() => console.log(app.server.address().port));
