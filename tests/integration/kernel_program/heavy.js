'use strict';

/** Some milliseconds of work on data. @param {{text: string}} given */
function digest(given) {
  if (given.text === 'bad') throw new RangeError('bad text');
  let sum = given.text.charCodeAt(0);
  for (let i = 0; i < 300_000; i += 1) sum = (sum * 31 + i) % 1_000_003;
  given.seen = true;
  return { sum, length: given.text.length };
}

module.exports = { digest };
