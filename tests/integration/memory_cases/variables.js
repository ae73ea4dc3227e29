/*
a rw count
b r  count
c w  count
d rw count
*/
let count = 0
module.exports = [
  function a () { count++ },
  function b () { return count },
  function c () { count = 1 },
  function d () { count += 1 }
]
