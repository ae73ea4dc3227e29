/*
a r  ids
a rw ids[]
b r  ids
b rw ids[]
c r  walk
c rw walk[]
d r  re
e r  re
g r  re
d w  re.lastIndex
g w  re.lastIndex
f r  ids
f rw ids[]
*/
function * make () { let n = 0; while (n < 50) yield n++ }
const ids = make()
const walk = [1, 2, 3][Symbol.iterator]()
const re = /a/g
module.exports = [
  function a () { return ids.next().value },
  function b () { for (const id of ids) if (id > 5) return id },
  function c () { return walk.next() },
  function e () { while (re.exec('aa')) ; },
  function g () { return re.test('aaa') },
  function d () { re.lastIndex = 0; return re.test('aaa') },
  function f () { const [first] = ids; return first }
]
