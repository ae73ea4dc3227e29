// A library: its code has no probes.
const kept = []
exports.grow = (object) => { object.items.push(1) }
exports.look = (object) => JSON.stringify(object).length
exports.keep = (object) => { kept.push(object); return { late: () => { object.n = (object.n || 0) + 1 } } }
exports.Hidden = class Hidden {
  #map = new Map()
  visit (key) { this.#map.set(key, 1) }
  size () { return this.#map.size }
}
exports.counter = () => { let n = 0; return { tick: () => ++n, now: () => n } }
exports.each = (list, f) => { for (const one of list) f(one) }
exports.Box = class Box {
  #value
  get value () { return this.#value }
  set value (v) { this.#value = v }
}
