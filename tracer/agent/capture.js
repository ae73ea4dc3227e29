// @ts-check
'use strict';

/**
 * On request, keeps what reaches the servers of the main thread, so that it can be replayed: HTTP requests,
 * datagrams, and the data of plain TCP connections, one JSON line each in `requests.jsonl` of the run directory.
 *
 * Bodies are seen where the parser pushes them into the stream: no listener is added, nothing flows earlier.
 */

const fs = require('fs');
const path = require('path');
const { isMainThread } = require('worker_threads');

const directory = process.env.PIPETRACE_DIR ?? '';
/** @type {{capture_requests?: boolean, max_requests?: number}} */
let config = {};
try {
  config = JSON.parse(fs.readFileSync(path.join(directory, 'config.json'), 'utf8'));
} catch {
  // No recorder: nothing to keep.
}

if (config.capture_requests && isMainThread) {
  const http = require('http');
  const net = require('net');
  const dgram = require('dgram');
  const file = path.join(directory, 'requests.jsonl');
  const limit = config.max_requests ?? 1000;
  /** @type {WeakMap<object, number>} */
  const connections = new WeakMap();
  let connectionCount = 0;
  let count = 0;
  const start = performance.now();

  /** @param {object} server */
  const serverNumber = (server) => {
    const numbers = /** @type {any} */ (globalThis)[Symbol.for('pipetrace.listen')];
    return numbers?.get(server) ?? 0;
  };
  /** @param {object} socket */
  const connectionNumber = (socket) => {
    let number = connections.get(socket);
    if (number === undefined) {
      number = connectionCount;
      connectionCount += 1;
      connections.set(socket, number);
    }
    return number;
  };
  const now = () => Math.round((performance.now() - start) * 10) / 10;
  /** @param {object} line */
  const write = (line) => fs.appendFileSync(file, `${JSON.stringify(line)}\n`, { mode: 0o600 });

  /** @param {any} stream @param {(chunks: Buffer[]) => void} done */
  const tee = (stream, done) => {
    /** @type {Buffer[]} */
    const chunks = [];
    const push = stream.push;
    /** @this {any} @param {any} chunk @param {any} encoding */
    stream.push = function (chunk, encoding) {
      if (chunk === null) done(chunks);
      else chunks.push(Buffer.from(chunk));
      return push.call(this, chunk, encoding);
    };
  };

  const emit = net.Server.prototype.emit;
  /** @this {net.Server} @param {any} event @param {...any} args */
  net.Server.prototype.emit = function (event, ...args) {
    if (count < limit) {
      if (event === 'request' && args[0] instanceof http.IncomingMessage) captureRequest(this, args[0]);
      else if (event === 'connection' && !('keepAliveTimeout' in this)) captureConnection(this, args[0]);
    }
    return emit.call(this, event, ...args);
  };

  /** @param {object} server @param {http.IncomingMessage} request */
  function captureRequest(server, request) {
    const order = count;
    count += 1;
    const headers = [];
    for (let i = 0; i < request.rawHeaders.length; i += 2) {
      headers.push([request.rawHeaders[i], request.rawHeaders[i + 1]]);
    }
    const line = {
      proto: 'http',
      order,
      server: serverNumber(server),
      connection: connectionNumber(request.socket),
      method: request.method,
      url: request.url,
      httpVersion: request.httpVersion,
      headers,
      body: '',
      t_ms: now(),
    };
    if ('content-length' in request.headers || 'transfer-encoding' in request.headers) {
      tee(request, (chunks) => write({ ...line, body: Buffer.concat(chunks).toString('base64') }));
    } else {
      write(line);
    }
  }

  /** @param {object} server @param {net.Socket} socket */
  function captureConnection(server, socket) {
    const connection = connectionNumber(socket);
    const push = /** @type {any} */ (socket).push;
    /** @this {any} @param {any} chunk @param {any} encoding */
    /** @type {any} */ (socket).push = function (chunk, encoding) {
      if (chunk !== null && count < limit) {
        write({
          proto: 'tcp',
          order: count,
          server: serverNumber(server),
          connection,
          data: Buffer.from(chunk).toString('base64'),
          t_ms: now(),
        });
        count += 1;
      }
      return push.call(this, chunk, encoding);
    };
  }

  const emitDatagram = dgram.Socket.prototype.emit;
  /** @this {dgram.Socket} @param {any} event @param {...any} args */
  dgram.Socket.prototype.emit = function (event, ...args) {
    if (event === 'message' && count < limit) {
      write({
        proto: 'udp',
        order: count,
        server: serverNumber(this),
        data: Buffer.from(args[0]).toString('base64'),
        t_ms: now(),
      });
      count += 1;
    }
    return /** @type {any} */ (emitDatagram).call(this, event, ...args);
  };
}
