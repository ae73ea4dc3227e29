import fs, { readFileSync as rf } from 'node:fs'
import * as ns from './dep.mjs'
import def, { counter, inc, Cls } from './dep.mjs'
export { x as renamed, x }
export default async function main () { await null; return 'main' }
export const late = () => ns.counter, { p, q: [r] } = { p: 1, q: [2] }
let x = 1
inc(); x++
console.log(counter, ns.counter, def(), new Cls().v, typeof fs.readFileSync, rf === fs.readFileSync, x, late(), p, r, import.meta.url.slice(-11))
export class K { static async s () { return (await import('./dep2.mjs')).two } }
console.log(await K.s(), await main())
try { await Promise.reject(new Error('tla')) } catch (e) { console.log(e.message) }
for (const a of await Promise.resolve([1, 2])) console.log(a)
var default_1 // last line without newline
