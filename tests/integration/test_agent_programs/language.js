#!/usr/bin/env node
'use strict' // directive
const assert = require('assert')
const out = []
const log = (...a) => out.push(a.map(x => typeof x === 'string' ? x : JSON.stringify(x)).join(' '))
let calls = 0
function counted (a, b = 2, ...c) { calls++; return [a, b, c] }
log(counted.name, counted.length, counted(1), (() => 1).name, ((a) => a).length)
const arrow = (x) =>
  ({ x, y: x * 2 })
log(arrow(3), arrow.name)
const seq = (a, b) => (a, b)
log(seq(1, 2))
let asi = 1
const noSemi = asi
;[1, 2].forEach(n => { asi += n })
let later = asi
asi = later
++asi
later
asi++
log(asi, noSemi)
class Base {
  #secret = 5
  static count = 0
  static { Base.count = 10 }
  field = () => this.#secret
  constructor (n) { this.n = n; Base.count++ }
  get secret () { return this.#secret }
  set secret (v) { this.#secret = v }
  #hidden (k) { return k + this.#secret }
  callHidden (k) { return this.#hidden(k) }
  static make (...args) { return new this(...args) }
  has (o) { return #secret in o }
  * items () { yield 1; const got = yield 2; if (got) yield got; yield * [7, 8] }
  async later (v) { await null; return v + this.n }
  get [`computed${1 + 1}`] () { return 'c' }
}
class Derived extends Base {
  constructor (n) { const before = n + 1; super(before); this.extra = new.target.name }
  callHidden (k) { return super.callHidden(k) * 2 }
  get secret () { return super.secret + 1 }
  set secret (v) { super.secret = v }
}
const d = new Derived(1)
d.secret = 20
d.secret += 3
log(d.n, d.extra, d.secret, d.callHidden(1), d.field(), d.has(d), d.has({}), Base.count, Derived.make(4).n, d.computed2)
const it = d.items()
log(it.next(), it.next(), it.next('x'), it.next(), it.next(), it.next())
const it2 = d.items(); it2.next(); log(it2.return(9), it2.next())
const it3 = (function * () { try { yield 1 } catch (e) { yield e.message } finally { log('fin') } })()
it3.next(); log(it3.throw(new Error('thrown')), it3.next())
log([...(function * () { const r = yield * (function * () { yield 'a'; return 'r' })(); yield r })()])
const o = { a: { b: { c: () => 'deep', list: [1, 2, 3] } }, ['k' + 1]: 1, m () { return this.a.b.list.length }, get g () { return 'getter' } }
log(o.a.b.c(), o.a?.b?.c(), o.x?.y.z.w, o.x?.(), o.a.b.nope?.(), o['k1'], o['m'](), o.g, delete o.k1, o.k1, 'a' in o, delete o?.zz)
const key = 'm'; log(o[key](), o[(() => key)()](), (o.m)(), (0, o.a.b.c)(), o?.[key]())
let { a: { b: { list: [first, ...rest] } }, missing = 'dflt', ...others } = o
log(first, rest, missing, Object.keys(others));
[first, missing] = [missing, first]; ({ a: o.z, q: o['w'] = 4 } = { a: 1 })
log(first, missing, o.z, o.w)
for (const [k, v] of Object.entries({ p: 1, q: 2 })) log(k, v)
for (o.loop of [1, 2]) ;
for (o.key in { aa: 1 }) ;
log(o.loop, o.key)
const fns = []
for (let i = 0; i < 3; i++) fns.push(() => i++)
log(fns.map(f => f()), fns.map(f => f()))
for (const x of [1, 2]) { let y = x; fns.push(() => y++) }
log(fns[3](), fns[3](), fns[4]())
for (var vi = 0; vi < 2; vi++) fns.push(() => vi)
log(fns[5](), fns[6]())
label: for (const x of [1, 2, 3]) { for (const y of [1, 2]) { if (y === 2) continue label; if (x === 3) break label; log(x, y) } }
switch (o.z) { case 1: { let s = 1; fns.push(() => s) } case 2: log('fall'); break; default: log('no') }
function hoist () { return inner(); function inner () { return 'hoisted' } }
log(hoist())
function sloppy () { return (function () { return typeof this })() }
log(sloppy(), (function () { return arguments.length })(1, 2, 3))
function tdz () { try { return use() } catch (e) { return e.constructor.name } finally { calls++ } const v = 1; function use () { return v } }
log(tdz())
log(typeof undeclared, typeof log, void 0, `t${calls}${o.z}`, ((s, ...v) => s.raw.join('|') + v)`a${1}b${o.z}c`)
log((() => { try { return 'try' } finally { log('finally') } })())
log((function f (n) { return n <= 1 ? 1 : n * f(n - 1) })(5))
log([3, 1, 2].sort((a, b) => a - b), [1, [2]].flat().reduce((a, b) => a + b, 0))
const m = new Map([[1, { v: 1 }]]); m.get(1).v++; m.set(2, m.get(1)); log([...m.entries()], m.size)
log(new Date(0).toISOString(), /(?<y>\d+)/.exec('a12').groups.y, Math.max(...[1, 5, 3]), Array.prototype.push.apply(rest, [9]), rest)
log(Object.assign({}, { ...o.a.b, list: null }).list, JSON.stringify({ a: [1] }), parseInt('12', 10))
const bound = counted.bind(null, 'b'); log(bound(), counted.call(null, 'c'), counted.apply(null, ['d', 'e']))
let n = null; n ??= 5; n ||= 6; n &&= 7; n **= 2; o.z ??= 1; o.z <<= 2; o.cnt = (o.cnt || 0) + 1; log(n, o.z, o.cnt, n--, --n)
const proxy = new Proxy({}, { get: (t, k) => typeof k === 'string' ? 'p:' + k : undefined }); log(proxy.foo)
log(new (class { constructor () { return { odd: 1 } } })().odd, new (o.cls = class { v = 1 })().v, new Array(3).length, new (require('events'))().listenerCount('x'))
log(Object.getOwnPropertyNames(Derived.prototype), Object.keys(globalThis).filter(k => k.includes('px')))
log(String(Symbol('q')), [..."añ😀"].length, "\u2028".length)
if (o.z) log('then'); else log('else')
do calls++; while (calls < 3)
try { null.x } catch { log('caught') }
try { undefined.foo() } catch (e) { log(e.message) }
try { o.nope.x() } catch (e) { log(e.message) }
try { o.a.nope.b = 1 } catch (e) { log(e.message) }
try { (() => { throw new RangeError('line') })() } catch (e) { log(e.stack.split('\n')[1].match(/:(\d+):\d+/)[1]) }
async function seqs () {
  const r = []
  for await (const x of (async function * () { yield 1; await null; yield 2 })()) r.push(x)
  for await (const x of [Promise.resolve('p'), 'q']) r.push(x)
  try { await Promise.reject(new Error('rej')) } catch (e) { r.push(e.message) } finally { await null; r.push('f') }
  r.push(await d.later(1), ...(await Promise.all([1, 2].map(async v => (await v) * 2))))
  r.push(await new Promise(resolve => setTimeout(resolve, 1, 'timer')), await { then (f) { f('thenable') } })
  const g = (async function * () { try { yield 'one'; yield 'two' } finally { r.push('gen fin') } })()
  for await (const x of g) { r.push(x); break }
  r.push(await (await (async () => async () => 'nested')())())
  outer: for await (const x of [1, 2]) { for (const y of [1]) { r.push(x + y); continue outer } }
  const it = { [Symbol.asyncIterator]: () => ({ i: 0, async next () { return { done: this.i > 1, value: this.i++ } } }) }
  for await (const v of it) r.push('it' + v)
  return r
}
const order = []
Promise.resolve().then(() => order.push('m1')); process.nextTick(() => order.push('t')); (async () => { order.push('s'); await null; order.push('m2') })()
function dup () { var x = 1; function x2 () { return x } var x2b = x2; return x2b() }
function clash (v) { var helper = helper || null; function helper () { return 'fn' } if (v) return typeof helper; helper = 4; return helper }
log(dup(), clash(1), clash(0))
seqs().then(r => { log(r); log(order); console.log(out.join('\n')); process.exitCode = 7 }, e => { console.log(e) })
exports.out = out

// Written as minifiers do, without spaces behind keywords.
;(()=>{const f=(a)=>{if(a)return"x";return[1]},g=async()=>{for(const x of[1])if(await[x])return await"y";throw"z"},h=function*(){const t=yield"p";return{t}};
console.log(f(1),f(0),[...h()],typeof"x","a"in{a:1},(()=>{switch("c"){case"c":return`d`}})());g().then((v)=>{console.log(v)})})()
