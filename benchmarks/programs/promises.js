// @ts-check
'use strict';

// Makes promises: `node promises.js NUMBER`. Every second one is an async function's, with an `await` and a reaction.

const total = Number(process.argv[2]);
const TURN = 1000;
const sums = new Map();
let made = 0;

/** @param {number} number */
async function unit(number) {
  await null;
  sums.set(number % 100, number);
  return number;
}

/** @param {number} number */
function done(number) {
  sums.delete(number % 100);
}

function turn() {
  for (let number = 0; number < TURN; number += 1) {
    made += 2;
    unit(number).then(done);
  }
  if (made < total) setImmediate(turn);
}

setImmediate(turn);
