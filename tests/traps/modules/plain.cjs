'use strict';

// CommonJS among modules of ECMAScript.

let uses = 0;

class Odd extends Error {}

async function work(n) {
  if (n < 0) throw new Odd('negative');
  return n * n;
}

exports.routes = {
  common: async () => {
    uses += 1;
    return { square: await work(uses % 4), uses };
  },
  thrown: async () => {
    uses += 1;
    return work(-1).catch((error) => ({ is: error instanceof Odd, message: error.message, uses }));
  },
};
