import crypto from 'node:crypto';
const re = /a/g;
const steps = (function* () { let i = 0; for (;;) yield i++; })();
class Total { #kept = 0; seen = 0; add(k) { this.#kept += k; this.seen += k; } get value() { return this.#kept; } }
const total = new Total();
const log = { inner: { v: 0, bump() { this.v += 1; } } };
const secret = crypto.randomBytes(6).toString('hex');
class Shared { static total = 0; static add(k) { Shared.total += k; } }
export { Shared, re, steps, total, secret, log };
