/*
a rw next
b r  users
b r  users/.age
b r  users[]
c r  users
c r  users/.name
c r  users/.first
c r  users[]
d w  users/.age
d r  users
d r  users[]
*/
let next = 0
const users = [{ age: 1, name: { first: 'x' } }]
module.exports = [
  function a () { return ((id = next++) => id)() },
  function b () { return users.filter(({ age }) => age > 0).length },
  function c () { return users.map(function ({ name: { first } }) { return first }) },
  function d () { users[0].age = 5 }
]
