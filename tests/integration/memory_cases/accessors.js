/*
a rw inside
a r  thing
a w  thing.n
b r  inside
b r  thing
b r  thing.n
c rw built
d w  box.value
d r  box
e r  box
e r  box.value
*/
const { Box } = require('lib')
let inside = 0
let built = 0
const thing = { get n () { return inside }, set n (v) { inside += v } }
class Builds { constructor () { built++ } }
const box = new Box()
module.exports = [
  function a () { thing.n = 1 },
  function b () { return thing.n },
  function c () { return Reflect.construct(Builds, []) },
  function d () { box.value = 1 },
  function e () { return box.value }
]
