/*
a w Base/.count
b r Base/.count
b r one
c rw Counter.total
d r Counter.total
e r Counter.hit
e rw Counter.#hits
f r Counter.#hits
f r Counter.hits
g rw (instance:Sub).n
*/
class Counter { static total = 0; static #hits = 0; static hit () { Counter.#hits++ } static hits () { return Counter.#hits } }
class Heir extends Counter {}
function Base () {}
Base.prototype.count = 0
const one = new Base()
class Super { set (v) { this.n = v } }
class Sub extends Super { bump () { super.n = (super.n || 0) + 1 } }
module.exports = [
  function a () { Base.prototype.count = 2 },
  function b () { return one.count },
  function c () { Counter.total++ },
  function d () { return Heir.total },
  function e () { Counter.hit() },
  function f () { return Counter.hits() },
  function g () { new Sub().bump() }
]
