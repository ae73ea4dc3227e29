/*
a w process.env.PIPETRACE_CASE
b r process.env.PIPETRACE_CASE
c r process.env[]
*/
module.exports = [
  function a () { process.env.PIPETRACE_CASE = 'x' },
  function b () { return process.env.PIPETRACE_CASE },
  function c () { return Object.keys(process.env) }
]
