'use strict';
const channel = require('diagnostics_channel').channel('kinds');
channel.subscribe(function noted() {});
setTimeout(function work() { channel.publish({ a: 1 }); }, 1);
