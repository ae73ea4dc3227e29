/*
a w  later
b r  later
*/
let later = 0
const wait = () => new Promise((resolve) => setTimeout(resolve, 1))
export default [
  async function a () { later = (await wait(), 5) },
  function b () { return later }
]
