import { late } from './modules.mjs'
export let counter = 0
export function inc () { counter++ }
export default () => 'def'
export class Cls { v = counter }
export const lazy = () => late()
