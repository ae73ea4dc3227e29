'use strict';

// `/there/N` does something in a function that is moved, `/here/N` on the entry. Only 0 is recorded; all others change what
// the program's start made, each by another way.

const http = require('node:http');
const state = require('./state.js');
const { Tally, tally, hit, made, counted, held, deepen, kept } = state;

const acts = {
  nothing() {},
  imported() { Tally.total += 1; },
  ofClass() { Tally.add(1); },
  hidden() { Tally.hide(1); },
  ofFunction() { hit(); },
  ofInstance() { tally.add(1); },
  alias() { const t = tally; t.n += 1; },
  variable() { made.inc(1); },
  enclosed() { made.note(1); },
  parameter() { counted.up(); },
  argument() { deepen(held.inner); },
  nested() { held.tally.add(1); },
  part() { const { inner } = held; inner.deep += 1; },
  assigned() { Object.assign(held.inner, { deep: 9 }); },
  each() { for (const one of [held.inner]) one.deep += 1; },
  namespace() { state.Tally.total += 1; },
  looped() { for (const key of ['deep']) held.inner[key] += 1; },
  head() { for (held.inner.deep of [5]); },
  emptied() { for (const key in held.inner) delete held.inner[key]; },
  destructured() { [held.inner.deep] = [7]; },
  borrowed() { Array.prototype.push.call(tally.list, 1); },
  chained() { held?.tally.list.push(1); },
  frozen() { Object.freeze(held.inner); },
  accessor() { Object.defineProperty(held.inner, 'deep', { get: () => 11, enumerable: true }); },
  setter() { tally.many = 3; },
  mapped() { kept.map.set('a', 1); },
  collected() { kept.set.add(1); },
  written() { kept.bytes.writeUInt8(1, 0); },
  generated() { kept.ids.next(); },
  listened() { kept.bus.on('x', () => {}); },
  module() { state.level(3); },
};

function show() {
  return JSON.stringify([Tally.total, Tally.hidden, hit.calls, tally, made.get(), counted.get(), held, [...kept.map], [...kept.set],
    kept.bytes, kept.bus.listenerCount('x'), state.level()]);
}

async function there(name) {
  await null;
  acts[name]();
  return show();
}

async function secret() {
  await null;
  return state.secrets();
}

const server = http.createServer((req, res) => {
  const [, where, name] = req.url.split('/');
  const fail = (error) => { res.statusCode = 500; res.end(error.name); };
  if (where === 'there') there(name).then((text) => res.end(text), fail);
  else if (where === 'secret') secret().then((found) => res.end(String(found === state.secrets())), fail);
  else {
    acts[name]();
    res.end(show());
  }
});
server.listen(Number(process.env.PORT || 0), '127.0.0.1');
