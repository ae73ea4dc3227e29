// An exported variable that changes: importers see its value of now.

import { current, change, heavy } from './exported.mjs';

let calls = 0;

export const routes = {
  read: async () => ({ current, calls: (calls += 1) }),
  change: async () => {
    calls += 1;
    return { changed: change(`value ${calls % 3}`), current };
  },
  heavy: async () => {
    calls += 1;
    return { sum: await heavy(calls % 5), calls };
  },
};
