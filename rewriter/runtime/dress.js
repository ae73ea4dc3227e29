// @ts-check
/** Makes a function that stands for another one look like it. */
'use strict';

const program = require('./program.js');

/** @param {Function} stub @param {Function} original makes the stub look like it */
function dress(stub, original) {
  const properties = Object.getOwnPropertyDescriptors(original);
  for (const key of Reflect.ownKeys(properties)) {
    const own = Reflect.getOwnPropertyDescriptor(stub, key);
    if (!own || own.configurable) Object.defineProperty(stub, key, /** @type {any} */ (properties)[key]);
    else if (own.writable && key === 'prototype') stub.prototype = original.prototype;
  }
  if (!Object.hasOwn(stub, 'toString')) {
    Object.defineProperty(stub, 'toString', {
      value: () => Function.prototype.toString.call(original), configurable: true, writable: true, enumerable: false,
    });
  }
  const proto = Object.getPrototypeOf(original);
  if (Object.getPrototypeOf(stub) !== proto) Object.setPrototypeOf(stub, proto);
  program.stubbed.set(stub, original);
}

module.exports = { dress };
