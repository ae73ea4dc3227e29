/*
b r  exports.total
c r  exports.total
*/
const mine = require('./_shared.js')
const { add, total } = require('./_shared.js')
module.exports = [
  add,
  function b () { return require('./_shared.js').total },
  function c () { return mine.total }
]
