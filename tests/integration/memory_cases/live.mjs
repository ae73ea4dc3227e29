/*
a r  count
b r  count
c r  limits
c r  limits.most
*/
import { count, bump, limits } from './_live.mjs'
import * as whole from './_live.mjs'
export default [
  bump,
  function a () { return count },
  function b () { return whole.count },
  function c () { return limits.most }
]
