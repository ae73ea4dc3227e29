// @ts-check
'use strict';

// Loaded with --require by run and verify: notes in a file that the application found a port in use, so
// that the message can name the port. It changes nothing else: the application's own error is shown
// and its exit status is kept.

const file = process.env.PIPETRACE_FAILURE_FILE;

if (file && require('node:worker_threads').isMainThread) {
  const { errorMonitor } = require('node:events');

  /** @param {any} error */
  const note = (error) => {
    if (!error || error.code !== 'EADDRINUSE') return;
    const { code, address, port } = error;
    try {
      require('node:fs').appendFileSync(file, `${JSON.stringify({ code, address, port, pid: process.pid })}\n`);
    } catch {
      // The note only makes a message better; the application must not notice that it failed.
    }
  };

  // A monitor sees an error and does not count as its handler.
  for (const [prototype, name] of /** @type {[any, string][]} */ ([
    [require('node:net').Server.prototype, 'listen'],
    [require('node:dgram').Socket.prototype, 'bind'],
  ])) {
    const original = prototype[name];
    const watched = /** @this {any} @param {...any} args */ function (...args) {
      this.once(errorMonitor, note);
      return original.apply(this, args);
    };
    Object.defineProperty(watched, 'name', { value: name });
    prototype[name] = watched;
  }
}
