'use strict';

// The application's own asynchronous contexts, beside that of the recorder.

const { AsyncLocalStorage, AsyncResource } = require('async_hooks');
const { EventEmitter } = require('events');

const one = new AsyncLocalStorage();
const two = new AsyncLocalStorage();
const bus = new EventEmitter();
const seen = [];
const note = (where) => seen.push(`${where} ${one.getStore()} ${two.getStore()}`);

// What a listener enters is in force for its caller, and for whatever that starts.
bus.on('enter', function enters(value) { one.enterWith(value); });
bus.on('read', () => note('read'));

async function work(name) {
  note(`${name} begins`);
  bus.emit('enter', `${name}-entered`);
  note(`${name} entered`);
  await null;
  note(`${name} awaited`);
  await two.run('inner', async () => {
    await new Promise((done) => setTimeout(done, 1));
    bus.emit('read');
    one.exit(() => note('exit'));
    two.enterWith('replaced');
    await new Promise((done) => setImmediate(() => done(note('immediate'))));
    note('inner');
  });
  note(`${name} ends`);
  const resource = new AsyncResource('MINE');
  one.run('other', () => resource.runInAsyncScope(() => note('resource')));
  const bound = one.run('bound', () => AsyncResource.bind(() => note('bound')));
  one.run('not this', bound);
}

function* steps() {
  one.enterWith('generator');
  yield note('step');
  yield note('step again');
}

setTimeout(async function start() {
  await one.run('a', work, 'a');
  await work('b');
  note('both');
  for (const step of steps()) void step;
  note('after steps');
  const three = new AsyncLocalStorage();
  await three.run(3, async () => { await null; note(`three ${three.getStore()}`); });
  two.enterWith('last');
  two.disable();
  note('disabled');
  await null;
  note('end');
  process.nextTick(() => queueMicrotask(() => { note('micro'); console.log(seen.join('\n')); }));
}, 1);
