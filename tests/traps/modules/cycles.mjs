// Two modules that import one another.

import { isOdd } from './other-half.mjs';

let asked = 0;

export async function isEven(n) {
  return n === 0 || isOdd(n - 1);
}

export default {
  even: async () => {
    asked += 1;
    return { even: await isEven(10), asked };
  },
  odd: async () => {
    asked += 1;
    return { odd: await isOdd(7), asked };
  },
};
