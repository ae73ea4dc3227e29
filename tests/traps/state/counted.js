'use strict';

let loads = 0;
loads += 1;
let uses = 0;

exports.use = () => {
  uses += 1;
  return { loads, uses };
};
