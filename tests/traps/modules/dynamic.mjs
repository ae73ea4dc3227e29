// import() when it is needed first, and import.meta.

let loads = 0;

async function describe(word) {
  return `${word} from ${import.meta.url.split('/').pop()}`;
}

export const routes = {
  lazy: async () => {
    loads += 1;
    const { double } = await import('./lazy.mjs');
    return { doubled: await double(loads), loads };
  },
  meta: async () => {
    loads += 1;
    return { text: await describe('a word') };
  },
};
