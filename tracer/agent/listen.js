// @ts-check
'use strict';

/**
 * Tells when a server begins to listen, or that its port is taken, by a JSON line in the file that PIPETRACE_LISTEN_FILE
 * names.
 *
 * Loadable on its own with `--require`. Servers are numbered in order of their `listen()` or `bind()` calls.
 */

const { errorMonitor } = require('events');
const process = require('process');
const fs = require('fs');
const { isMainThread } = require('worker_threads');

const file = process.env.PIPETRACE_LISTEN_FILE;

/** @type {WeakMap<object, number>} */
const numbers = new WeakMap();
let next = 0;

if (file && isMainThread) {
  const net = require('net');
  const dgram = require('dgram');
  watch(net.Server.prototype, 'listen', kindOf);
  watch(dgram.Socket.prototype, 'bind', () => 'dgram');
}

/**
 * @param {any} prototype
 * @param {string} name of the method that makes an object listen
 * @param {(server: object) => string} kind
 */
function watch(prototype, name, kind) {
  const original = prototype[name];
  const { [name]: replacement } = {
    /** @this {any} @param {...unknown} args */
    [name](...args) {
      if (Symbol.for('pipetrace.own') in this || isImplicit(args)) return original.apply(this, args);
      numbers.set(this, next++);
      const listening = () => report(this, kind(this));
      this.once('listening', listening);
      // A monitor does not count as somebody who handles the error.
      this.once(errorMonitor, reportTaken);
      try {
        return original.apply(this, args);
      } catch (error) {
        this.removeListener('listening', listening);
        this.removeListener(errorMonitor, reportTaken);
        throw error;
      }
    },
  };
  Object.defineProperty(replacement, 'length', { value: original.length, configurable: true });
  Object.defineProperty(prototype, name, {
    ...Object.getOwnPropertyDescriptor(prototype, name),
    value: replacement,
  });
}

/**
 * Whether Node binds a socket by itself, because it sends before anybody bound it: a client.
 * @param {any[]} args
 */
function isImplicit([options, done]) {
  return done === null && options?.port === 0 && options.exclusive === true;
}

/** @param {object} server */
function kindOf(server) {
  return server instanceof require('http').Server || server instanceof require('https').Server ? 'http' : 'net';
}

/** @param {any} server @param {string} kind */
function report(server, kind) {
  const address = server.address();
  const line = JSON.stringify({
    event: 'listening',
    kind,
    address: typeof address === 'string' ? address : (address?.address ?? ''),
    port: typeof address === 'string' ? 0 : (address?.port ?? 0),
    index: numberOf(server),
    pid: process.pid,
    secure: server instanceof require('tls').Server,
  });
  tell(line);
}

/** @param {any} error */
function reportTaken(error) {
  if (!error || error.code !== 'EADDRINUSE') return;
  const { address = '', port = 0 } = error;
  tell(JSON.stringify({ event: 'taken', address, port, pid: process.pid, time: Date.now() / 1000 }));
}

/** @param {string} line */
function tell(line) {
  try {
    fs.appendFileSync(/** @type {string} */ (file), line + '\n');
  } catch {
    // whoever wanted to know is gone
  }
}

/**
 * Number of a server in order of `listen()` calls; undefined for what never listened.
 * @param {object} server
 */
function numberOf(server) {
  return numbers.get(server);
}

module.exports = { numberOf };
