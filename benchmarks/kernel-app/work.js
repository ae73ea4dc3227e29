'use strict';

const fs = require('node:fs');

/** Spins for as many rounds as asked, and answers with as much data as it was given; asked for none, names its thread. */
function work(data, rounds) {
  let sum = 1;
  for (let i = 0; i < rounds; i += 1) sum = (sum * 31 + i) % 1_000_003;
  return { data, sum, thread: rounds === 0 ? fs.readlinkSync('/proc/thread-self') : '' };
}

module.exports = { work };
