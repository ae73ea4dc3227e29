/*
a r  object
a r  key
a w  object[]
b r  object
b r  key
b r  object[]
*/
const key = Symbol('key')
const object = { [key]: 1 }
module.exports = [
  function a () { object[key] = 2 },
  function b () { return object[key] }
]
