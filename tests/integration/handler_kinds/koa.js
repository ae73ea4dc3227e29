'use strict';
// ask: GET /a, GET /b, GET /boom
const Koa = require('koa');
let left = 3;
const app = new Koa();
app.use(async function time(ctx, next) {
  try { await next(); } catch (error) { ctx.status = 500; }
  ctx.res.on('finish', function finished() { if (--left === 0) setImmediate(() => process.exit(0)); });
});
app.use(async function look(ctx, next) {
  await new Promise(function begin(done) { setTimeout(function looked() { done(); }, 1); });
  if (ctx.path === '/boom') throw new Error('no');
  await next();
});
app.use(async function serve(ctx) { ctx.body = 'x'; });
const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
