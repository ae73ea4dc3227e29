'use strict';

let loaded = 0;

exports.next = () => (loaded += 1);
