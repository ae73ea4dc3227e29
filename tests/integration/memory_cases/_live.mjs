export let count = 0
export function bump () { count++ }
export const limits = { most: 5 }
export function setMost () { limits.most++ }
