'use strict';

// The same with asynchronous middleware.

const Koa = require('koa');

const app = new Koa();
app.use(async (context, next) => {
  const begun = Date.now();
  await next();
  context.set('x-time', String(Date.now() - begun));
});
app.use(async (context, next) => {
  await next();
});
app.use(async (context) => {
  context.body = await load();
});

async function load() {
  await null;
  return 'hello';
}

app.listen(0, '127.0.0.1');
