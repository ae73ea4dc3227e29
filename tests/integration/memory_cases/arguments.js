/*
a r  given
a r  given.n
*/
const given = { n: 1 }
function use () { return arguments[0].n }
module.exports = [
  function a () { return use(given) }
]
