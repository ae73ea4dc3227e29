/*
a r  adders
a r  adders[]
a rw i
b r  adders
b r  adders[]
b rw i
c r  tails
c r  tails[]
c rw t
*/
const adders = []
for (let i = 0; i < 2; i++) { adders.push(() => ++i) }
const tails = []
for (let t of [1, 2]) tails.push(() => ++t)
module.exports = [
  function a () { adders[0]() },
  function b () { adders[1]() },
  function c () { tails[0]() }
]
