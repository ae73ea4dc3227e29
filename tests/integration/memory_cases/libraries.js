/*
a r  lib[]
a r  store
a rw store/[]
a r  store[]
b r  lib[]
b r  store
b r  store[]
b r  store/[]
c r  lib[]
c r  store
c r  store[]
c r  store/[]
d r  lib[]
d r  hidden
d rw hidden[]
e r  lib[]
e r  hidden
e r  hidden[]
f r  lib[]
f r  ticks
f rw ticks[]
f rw ticks/[]
f r  ticks.tick
g r  lib[]
g r  ticks
g r  ticks[]
g r  ticks/[]
g r  ticks.now
*/
const lib = require('lib')
const store = { items: [], n: 0 }
const hidden = new lib.Hidden()
const ticks = lib.counter()
const box = lib.keep(store)
module.exports = [
  function a () { lib.grow(store) },
  function b () { return lib.look(store) },
  function c () { return lib.look({ data: { store } }) },
  function d () { hidden.visit('x') },
  function e () { return hidden.size() },
  function f () { ticks.tick() },
  function g () { return ticks.now() },
]
