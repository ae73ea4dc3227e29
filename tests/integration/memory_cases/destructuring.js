/*
a r  state
a r  state.inner
a r  state/.deep
b r  state
b r  state.inner
b r  state[]
c r  list
c r  list[]
c r  list/.n
d r  list
d r  list[]
d r  list/.n
e r  state
e w  state.x
e w  state.y
f w  left
f w  right
g w  item
g r  names
g r  names[]
h r  state
h r  state[]
*/
const state = { inner: { deep: 1 }, x: 0, y: 0 }
const list = [{ n: 1 }, { n: 2 }]
const names = ["x"]
let left, right, item
module.exports = [
  function a () { const { inner: { deep } } = state; return deep },
  function b () { const { inner, ...rest } = state; return rest },
  function c () { const [{ n }] = list; return n },
  function d () { let sum = 0; for (const { n } of list) sum += n; return sum },
  function e () { [state.x, state.y] = [1, 2] },
  function f () { ({ left, right = 3 } = { left: 1 }) },
  function g () { for (item of names) item.trim() },
  function h () { const key = 'inner'; const { [key]: found } = state; return found },
  function readBack () { return [left, right, item].length }
].slice(0, 8)
