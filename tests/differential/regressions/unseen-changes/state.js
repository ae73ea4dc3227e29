'use strict';
const table = { level: 3, m: new Map([[1, 1]]) };
const inner = { most: 10 };
const all = { limits: inner };
let level = 1;
const levelOf = () => level;
const setLevel = (value) => { level = value; };
module.exports = { table, limits: all.limits, levelOf, setLevel };
