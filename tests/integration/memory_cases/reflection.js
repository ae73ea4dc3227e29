/*
a r  target
a w  target[]
b r  target
b w  target[]
c r  target
c w  target[]
d r  target
d w  target.k
e r  target
e r  target[]
f r  target
f r  target[]
g r  target
g r  target[]
h r  target
h r  target[]
i r  target
i r  target[]
i r  target/[]
j r  target
j r  target.gone
*/
const target = { k: 1, nested: { deep: true } }
module.exports = [
  function a () { Object.assign(target, { k: 2 }) },
  function b () { Object.defineProperty(target, 'x', { value: 1, configurable: true }) },
  function c () { Reflect.set(target, 'k', 3) },
  function d () { delete target.k },
  function e () { return Object.keys(target) },
  function f () { return Reflect.ownKeys(target) },
  function g () { return 'k' in target },
  function h () { const all = []; for (const k in target) all.push(k); return all.length },
  function i () { return structuredClone(target) },
  function j () { return target.gone }
]
