// @ts-check
'use strict';

/**
 * Notes which servers of the main thread begin to listen, one JSON line each, in the file that the environment
 * variable PIPETRACE_LISTEN_FILE names. Loaded by --require or by the agent; twice is as good as once.
 */

const file = process.env.PIPETRACE_LISTEN_FILE;
const NAME = Symbol.for('pipetrace.listen');

if (file && require('worker_threads').isMainThread && !(NAME in globalThis)) {
  /** Server → its number in order of listen() calls; capture.js reads it. @type {WeakMap<object, number>} */
  const numbers = new WeakMap();
  Object.defineProperty(globalThis, NAME, { value: numbers });
  const fs = require('fs');
  const net = require('net');
  const dgram = require('dgram');
  const http = require('http');
  let index = 0;

  /** @param {object} server @param {'http'|'net'|'dgram'} kind @param {() => any} address */
  const note = (server, kind, address) => {
    const mine = index;
    index += 1;
    numbers.set(server, mine);
    /** @type {any} */ (server).once('listening', () => {
      const at = address();
      if (!at || typeof at === 'string') return;
      const line = { event: 'listening', kind, address: at.address, port: at.port, index: mine, pid: process.pid };
      try {
        fs.appendFileSync(file, `${JSON.stringify(line)}\n`);
      } catch {
        // Whoever waits for the line is gone; the application goes on.
      }
    });
  };

  const listen = net.Server.prototype.listen;
  /** @this {net.Server} @param {...any} args */
  net.Server.prototype.listen = function (...args) {
    const isHttp = this instanceof http.Server || 'setTimeout' in this && 'keepAliveTimeout' in this;
    note(this, isHttp ? 'http' : 'net', () => this.address());
    return /** @type {any} */ (listen).apply(this, args);
  };
  Object.defineProperty(net.Server.prototype.listen, 'name', { value: 'listen' });

  const bind = dgram.Socket.prototype.bind;
  /** @this {dgram.Socket} @param {...any} args */
  dgram.Socket.prototype.bind = function (...args) {
    note(this, 'dgram', () => this.address());
    return /** @type {any} */ (bind).apply(this, args);
  };
  Object.defineProperty(dgram.Socket.prototype.bind, 'name', { value: 'bind' });
}
