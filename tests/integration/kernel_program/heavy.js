'use strict';

/** Some milliseconds of work on data. @param {{text: string}} given */
function digest(given) {
  if (given.text === 'bad') throw new RangeError('bad text');
  let sum = given.text.charCodeAt(0);
  for (let i = 0; i < 300_000; i += 1) sum = (sum * 31 + i) % 1_000_003;
  given.seen = true;
  return { sum, length: given.text.length };
}

/** What passes from `draw` to `print`, and never travels. */
class Drawing {
  #text;

  /** @param {string} text */
  constructor(text) {
    this.#text = text;
  }

  get text() {
    return this.#text;
  }
}

/** @param {string} text */
function draw(text) {
  digest({ text });
  return new Drawing(text);
}

/** @param {Drawing} drawing */
function print(drawing) {
  if (drawing.text === 'late') throw new RangeError('late text');
  return `${drawing.text} ${digest({ text: drawing.text }).sum}`;
}

/** @param {Function} type @param {object} props */
const element = (type, props) => ({ type, props });

/** @param {{type: Function, props: any}} given */
function render({ type, props }) {
  digest({ text: props.text });
  return type(props);
}

module.exports = { digest, draw, element, print, render };
