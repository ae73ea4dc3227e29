// A module that waits while it is loaded.

let asked = 0;
const config = await new Promise((resolve) => setTimeout(resolve, 5, { limit: 3 }));

export const ready = true;

async function sum(n) {
  return n + config.limit;
}

export const routes = {
  config: async () => ({ limit: config.limit, asked: (asked += 1) }),
  sum: async () => ({ sum: await sum(2), asked: (asked += 1) }),
};
