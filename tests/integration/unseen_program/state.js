'use strict';
const { EventEmitter } = require('node:events');
class Tally {
  static total = 0;
  static #hidden = 0;
  constructor() { this.n = 0; this.list = []; }
  static add(k) { this.total += k; }
  set many(k) { this.n = k; }
  static hide(k) { Tally.#hidden += k; }
  static get hidden() { return Tally.#hidden; }
  add(k) { this.n += k; this.list.push(k); }
}
function hit() { hit.calls = (hit.calls || 0) + 1; }
const made = (() => {
  let c = 0;
  const log = [];
  return { inc(k) { c += k; }, note(k) { log.push(k); }, get: () => [c, log.length] };
})();
const counter = (n) => ({ up: () => ++n, get: () => n });
const held = { inner: { deep: 1 }, tally: new Tally() };
exports.Tally = Tally;
exports.tally = new Tally();
exports.hit = hit;
exports.made = made;
exports.counted = counter(5);
exports.held = held;
exports.deepen = (o) => { o.deep += 1; };
function* ids() { for (let id = 0; ; id += 1) yield id; }
exports.kept = { map: new Map(), set: new Set(), bytes: Buffer.alloc(2), ids: ids(), bus: new EventEmitter() };
let level = 0;
exports.level = (next) => {
  if (next) for (level of [next]);
  return level;
};

const crypto = require('node:crypto');
exports.number = Math.random();
exports.key = crypto.randomBytes(8);
exports.inside = (() => { const id = crypto.randomUUID(); return () => id; })();
exports.filled = crypto.randomFillSync(new Uint8Array(4));
exports.class = class { static token = Math.random(); };
exports.secrets = () => [exports.number, exports.key.toString('hex'), exports.inside(), exports.filled, exports.class.token].join();
