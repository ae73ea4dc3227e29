import { readFile } from 'fs/promises';
const o = { async m() { await readFile('/nope'); } };
export default async function run() { try { await o.m(); } catch (e) { console.log(e.stack); } throw new Error('ééé 😀 at'); }
setTimeout(() => { run(); }, 1);
