/*
a w  globalThis.implicitCount
b rw globalThis.implicitCount
c r  globalThis.implicitCount
d r  globalThis.implicitCount
e rw globalThis.implicitCount
*/
module.exports = [
  function a () { implicitCount = 1 },
  function b () { implicitCount++ },
  function c () { return globalThis.implicitCount },
  function d () { return typeof implicitCount },
  function e () { global.implicitCount += 1 }
]
