/*
a r  gate
a rw gate[]
b r  open
b w  gate[]
*/
let open
const gate = new Promise((resolve) => { open = resolve })
module.exports = [
  async function a () { await gate },
  function b () { open() }
]
