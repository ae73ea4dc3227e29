// Traps about modules of ECMAScript: live bindings, cycles, top-level await, default and named exports, import().

import { createServer } from 'node:http';
import { routes as bindings } from './bindings.mjs';
import cycles from './cycles.mjs';
import * as dynamic from './dynamic.mjs';
import { ready, routes as awaited } from './awaited.mjs';
import plain from './plain.cjs';

const routes = { ...bindings, ...cycles, ...dynamic.routes, ...awaited, ...plain.routes };

const server = createServer((req, res) => {
  const [, , name] = new URL(req.url, 'http://h').pathname.split('/');
  const route = routes[name];
  if (!route) {
    res.statusCode = 404;
    res.end('none');
    return;
  }
  Promise.resolve(route(req)).then((value) => {
    res.setHeader('Content-Type', 'application/json');
    res.end(JSON.stringify(value));
  }, (error) => {
    res.statusCode = 500;
    res.end(`${error.name}: ${error.message}`);
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1');
export default ready;
