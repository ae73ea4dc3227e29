/*
a w  last
b rw last
c rw last
d rw last
*/
let last = 0
function peek () { return last + 1 }
module.exports = [
  function a () { last = 1; return last },
  function b () { last = last + 1 },
  function c () { last = peek() },
  function d () { last ||= 3 }
]
