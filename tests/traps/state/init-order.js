'use strict';

// What a module does while it is loaded happens once: a file that is written, a line that is printed, a timer that is set.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Router } = require('express');

const router = Router();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pipetrace-trap-'));
const file = path.join(folder, 'started');
fs.appendFileSync(file, 'started\n');
console.log('init-order was loaded');
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));

let ticks = 0;
setTimeout(() => { ticks += 1; }, 1);

async function lines() {
  return fs.readFileSync(file, 'utf8').split('\n').length - 1;
}

router.get('/', async (req, res) => {
  await new Promise((resolve) => setTimeout(resolve, 5));
  res.json({ lines: await lines(), ticks });
});

module.exports = router;
