/*
a r  shop
a r  shop.stock
a r  shop/.count
b r  shop
b r  shop.list
b rw shop/[]
c r  shop
c r  shop.stock
c w  shop/.old
d r  shop
d r  shop.map
d w  shop/[]
e r  shop
e r  shop.stock
e r  shop/.inner
e rw shop/.n
f r  nothing
*/
const shop = { stock: { count: 1, inner: { n: 0 }, old: 1 }, list: [], map: new Map() }
let nothing
module.exports = [
  function a () { return shop?.stock.count },
  function b () { shop?.list.push(1) },
  function c () { delete shop?.stock.old },
  function d () { shop?.map?.set('k', 1) },
  function e () { const s = shop?.stock.inner; s.n++ },
  function f () { nothing?.a.b.c(d); return nothing?.x },
  () => { nothing = null }
].slice(0, 6)
