// @ts-check
/** The keys that an application has put on a request or response, found once for all objects that look alike. */
'use strict';

/** Shapes that are remembered: routes and middleware of one application make few of them. */
const SHAPES = 16;

/** @typedef {(string | symbol)[]} Keys */

/** @param {Keys} a @param {Keys} b @returns {boolean} */
function same(a, b) {
  if (a.length !== b.length) return false;
  for (let i = a.length - 1; i >= 0; i -= 1) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * @param {(object: any, key: string | symbol) => boolean} isMine
 * @returns {(object: any) => Keys} lists the keys that `isMine`; the very same list as long as the object's keys are the same
 */
function listing(isMine) {
  /** @type {{all: Keys, mine: Keys}[]} */
  const shapes = [];
  let next = 0;
  return (object) => {
    const all = Reflect.ownKeys(object);
    for (let i = 0; i < shapes.length; i += 1) {
      const shape = /** @type {{all: Keys, mine: Keys}} */ (shapes[i]);
      if (same(shape.all, all)) return shape.mine;
    }
    const mine = all.filter((key) => isMine(object, key));
    shapes[next] = { all, mine };
    next = (next + 1) % SHAPES;
    return mine;
  };
}

module.exports = { listing };
