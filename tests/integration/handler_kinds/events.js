'use strict';
const { EventEmitter, once, on } = require('events');
const bus = new EventEmitter();
async function first() { await once(bus, 'go'); bus.emit('next', 1); }
async function all() { for await (const [n] of on(bus, 'next')) if (n === 2) break; }
all();
first();
setTimeout(function fire() { bus.emit('go'); }, 1);
setTimeout(function more() { bus.emit('next', 2); }, 20);
