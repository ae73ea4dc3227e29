// @ts-check
'use strict';

/**
 * Writes the requests that the application receives to a file of their own, when that was asked for.
 *
 * HTTP requests come from a diagnostics channel, their bodies from what the parser pushes into the request;
 * datagrams from the socket's event, raw TCP data from what is pushed into a server's sockets. The application
 * sees no listener, reads nothing sooner and nothing twice. Lines are written when a body is complete; the
 * recorder sorts them by arrival.
 */

const process = require('process');
const { Buffer } = require('buffer');
const fs = require('fs');
const path = require('path');
const { isMainThread } = require('worker_threads');
const { performance } = require('perf_hooks');
const { numberOf } = require('./listen.js');

const LARGEST_BODY = 8 * 1024 * 1024;

const directory = process.env.PIPETRACE_DIR;
if (directory && isMainThread) {
  /** @type {{capture_requests?: boolean, max_requests?: number}} */
  let config = {};
  try {
    config = JSON.parse(fs.readFileSync(path.join(directory, 'config.json'), 'utf8'));
  } catch {
    // the recorder is gone
  }
  if (config.capture_requests) capture(directory, config.max_requests ?? 1000);
}

/** @param {string} directory @param {number} limit requests */
function capture(directory, limit) {
  const http = require('http');
  const net = require('net');
  const dgram = require('dgram');
  const channels = require('diagnostics_channel');

  let left = limit;
  let dropped = 0;
  let connections = 0;
  let fd = -1;
  /** @type {WeakMap<object, number>} */
  const connectionNumbers = new WeakMap();
  /** Requests whose body still comes. @type {WeakMap<object, {line: Record<string, unknown>, parts: Buffer[], bytes: number}>} */
  const pending = new WeakMap();

  /** @param {object} socket */
  function connectionOf(socket) {
    let number = connectionNumbers.get(socket);
    if (number === undefined) connectionNumbers.set(socket, (number = connections++));
    return number;
  }

  /** Whether one more may be captured. */
  function admit() {
    if (left > 0) {
      left--;
      return true;
    }
    drop();
    return false;
  }

  /** Tell once that something was left out, at once because the process may be killed. */
  function drop() {
    if (dropped++ === 0) write({ dropped: true });
  }

  /** @param {object} line */
  function write(line) {
    try {
      if (fd < 0) fd = fs.openSync(path.join(directory, `requests.${process.pid}.jsonl`), 'a', 0o600);
      fs.writeSync(fd, JSON.stringify(line) + '\n');
    } catch {
      left = 0;
    }
  }

  const now = () => performance.timeOrigin + performance.now();

  channels.subscribe('http.server.request.start', (message) => {
    const { request, server } = /** @type {any} */ (message);
    if (!admit()) return;
    const headers = [];
    for (let index = 0; index < request.rawHeaders.length; index += 2) {
      headers.push([request.rawHeaders[index], request.rawHeaders[index + 1]]);
    }
    pending.set(request, {
      line: {
        proto: 'http',
        server: numberOf(server) ?? 0,
        connection: connectionOf(request.socket),
        method: request.method,
        url: request.url,
        httpVersion: request.httpVersion,
        headers,
        at: now(),
      },
      parts: [],
      bytes: 0,
    });
  });

  intercept(http.IncomingMessage.prototype, 'push', (request, [chunk]) => {
    const entry = pending.get(request);
    if (entry === undefined) return;
    if (chunk === null) {
      pending.delete(request);
      if (entry.bytes <= LARGEST_BODY) write({ ...entry.line, body: Buffer.concat(entry.parts).toString('base64') });
      else drop();
    } else if (Buffer.isBuffer(chunk)) {
      entry.bytes += chunk.length;
      if (entry.bytes <= LARGEST_BODY) entry.parts.push(Buffer.from(chunk));
    }
  });

  intercept(dgram.Socket.prototype, 'emit', (socket, [event, data]) => {
    const server = event === 'message' ? numberOf(socket) : undefined;
    if (server === undefined || !Buffer.isBuffer(data) || !admit()) return;
    write({ proto: 'udp', server, data: data.toString('base64'), at: now() });
  });

  intercept(net.Socket.prototype, 'push', (socket, [chunk]) => {
    const { server } = socket;
    if (!(server instanceof net.Server) || !Buffer.isBuffer(chunk) || isFramed(server) || !admit()) return;
    write({
      proto: 'tcp',
      server: numberOf(server) ?? 0,
      connection: connectionOf(socket),
      data: chunk.toString('base64'),
      at: now(),
    });
  });

}

/** Whether a server's sockets carry a protocol of which the raw bytes say nothing. @param {object} server */
function isFramed(server) {
  return server instanceof require('http').Server || server instanceof require('tls').Server;
}

/**
 * See the arguments of a method before it runs.
 * @param {any} prototype @param {string} name @param {(self: any, args: any[]) => void} look
 */
function intercept(prototype, name, look) {
  const original = prototype[name];
  Object.defineProperty(prototype, name, {
    configurable: true,
    enumerable: Object.getOwnPropertyDescriptor(prototype, name)?.enumerable ?? false,
    writable: true,
    /** @this {any} @param {...any} args */
    value: function (...args) {
      look(this, args);
      return original.apply(this, args);
    },
  });
}
