'use strict';
let count = 0;
const titles = ['one'];
class Pages {
  titles = titles;
  #shown(b) { if (b === 4) count += 100; }
  show(id, b) {
    this.#shown(b);
    return titles.length + id;
  }
}
module.exports = { pages: new Pages(), tally: { more(n) { count += n; }, all: () => count } };
