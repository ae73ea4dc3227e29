import http from 'node:http';
import { Shared, re, steps, total, secret, log } from './state.mjs';
const PORTS = JSON.parse(process.argv[2]).importingesm;
// Keeps the state on the entry stage.
setInterval(() => { total.add(0); }, 5).unref();
function burn(n) {
  let x = 1;
  for (let i = 0; i < n * 1000; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
  return x;
}
// Only requests that are never recorded look at the state; all compare what is random at start.
async function heavy(b, given) {
  const out = [burn(400), given === secret];
  if (b === 2) out.push(re.lastIndex);
  if (b === 3) out.push(steps.next().value);
  if (b === 4) out.push(total.value);
  if (b === 5) out.push(total.seen);
  if (b === 7) out.push(Shared.total);
  if (b === 8) Shared.add(1);
  if (b === 6) out.push(log.inner.v);
  return out;
}
function write() {
  re.test('banana');
  steps.next();
  total.add(1);
  log.inner.bump();
  Shared.add(1);
}
const server = http.createServer(async (req, res) => {
  const url = new URL(req.url, 'http://localhost');
  if (url.pathname === '/write') write();
  if (url.pathname === '/state') return res.end(JSON.stringify([re.lastIndex, total.value, total.seen, log, Shared.total]));
  if (url.pathname !== '/heavy') return res.end(url.pathname);
  try {
    res.end((await heavy(Number(url.searchParams.get('b')), secret)).join());
  } catch (error) {
    res.statusCode = 500;
    res.end(String(error));
  }
});
server.listen(PORTS.http, '127.0.0.1');
