/*
a r  one
a w  one.n
b r  two
b r  one.n
c r  bound
c rw list[]
d rw list[]
d r  list
e rw list[]
e r  list
f r  plain
f w  plain.x
g r  proxy
g w  proxy.x
g w  plain.x
h r  count
h rw held.n
*/
const one = { n: 0 }
const two = one
const list = []
const bound = list.push.bind(list)
const plain = { x: 0 }
const proxy = new Proxy(plain, {})
const held = { n: 0, inc () { this.n++ } }
const count = held.inc.bind(held)
module.exports = [
  function a () { one.n = 1 },
  function b () { return two.n },
  function c () { bound(1) },
  function d () { Array.prototype.push.call(list, 2) },
  function e () { Reflect.apply(Array.prototype.push, list, [3]) },
  function f () { plain.x = 1 },
  function g () { proxy.x = 2 },
  function h () { count() }
]
