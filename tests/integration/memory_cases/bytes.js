/*
a r  whole
a w  whole[]
b r  part
b r  part[]
b r  whole[]
c r  view
c rw view[]
c rw whole[]
d r  shared
d rw shared[]
e r  shared
e r  shared[]
f r  big
f w  big[]
g r  half
g r  half[]
g r  big[]
*/
const memory = new ArrayBuffer(8)
const whole = new Uint8Array(memory)
const part = whole.subarray(2)
const view = new DataView(memory)
const shared = new Int32Array(4)
const big = Buffer.alloc(20)
const half = big.subarray(3)
module.exports = [
  function a () { whole[3] = 1 },
  function b () { return part[0] },
  function c () { view.setInt8(0, 1) },
  function d () { Atomics.add(shared, 0, 1) },
  function e () { return shared.at(0) },
  function f () { big.write('x') },
  function g () { return half[0] }
]
