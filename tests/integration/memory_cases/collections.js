/*
a r  map
a r  map[]
b r  map
b w  map[]
c r  set
c rw set[]
d r  set
d r  set[]
e r  weak
e w  weak[]
e r  key
f r  list
f rw list[]
g r  list
g r  list[]
h r  list
h w  list.length
i r  set
i r  set[]
j r  list
j r  list[]
k r  list
k r  list[]
*/
const map = new Map()
const set = new Set()
const weak = new WeakMap()
const key = {}
const list = [3, 1]
module.exports = [
  function a () { return map.get(1) },
  function b () { map.set(1, 2) },
  function c () { set.delete(1) },
  function d () { return Array.from(set) },
  function e () { weak.set(key, 1) },
  function f () { list.sort() },
  function g () { return [].concat(list) },
  function h () { list.length = 0 },
  function i () { return new Set(set) },
  function j () { return `${list}` },
  function k () { return 'x' + list }
]
