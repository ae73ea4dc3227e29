// @ts-check
'use strict';

/**
 * Asks the recorder for the instrumented text of a module, over a pair of FIFOs and synchronously.
 *
 * The recorder makes directories `free<N>` with the FIFOs `req` and `rsp`; a thread takes one by renaming it,
 * which only one can succeed at. Messages are a uint32 length (little endian) and that many bytes of JSON.
 */

const { performance } = require('perf_hooks');
const process = require('process');
const { Buffer } = require('buffer');
const fs = require('fs');
const path = require('path');

const PATIENCE_MS = 5000;
/** An application may change what the language gave it, so the agent keeps what it needs. */
const now = performance.now.bind(performance);

/** @typedef {{code: string, format: string, spans: string, fresh: boolean, file_id: number, function_base: number, functions: number}} Answer */

class Channel {
  /** @param {string} directory the recorder's run directory */
  constructor(directory) {
    this.directory = directory;
    this.request = -1;
    this.response = -1;
    this.broken = '';
    /** Time in which modules waited for their text, ms. */
    this.waited = 0;
  }

  /**
   * @param {string} file absolute path
   * @param {'commonjs'|'module'|'unknown'} format what Node takes it for; unknown: whichever it can be parsed as
   * @param {string} source
   * @returns {Answer | {leave: string}}
   */
  transform(file, format, source) {
    if (this.broken) return { leave: this.broken };
    const begun = now();
    try {
      if (this.request < 0) this.claim();
      this.send(JSON.stringify({ path: file, format, source }));
      const answer = this.receive();
      this.waited += now() - begun;
      return JSON.parse(answer);
    } catch (error) {
      this.broken = `the recorder does not answer (${error instanceof Error ? error.message : error})`;
      this.close();
      return { leave: this.broken };
    }
  }

  /**
   * Tell the recorder that the engine does not take the text that it gave.
   * @param {string} file @param {string} source @param {string} why
   */
  refuse(file, source, why) {
    if (this.broken) return;
    try {
      this.send(JSON.stringify({ path: file, format: 'commonjs', source, refused: why }));
      this.receive();
    } catch {
      // the recorder is gone, and will tell nobody
    }
  }

  close() {
    for (const fd of [this.request, this.response]) {
      if (fd >= 0) fs.closeSync(fd);
    }
    this.request = this.response = -1;
  }

  claim() {
    const thread = require('worker_threads').threadId;
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      for (const name of fs.readdirSync(this.directory)) {
        if (!name.startsWith('free')) continue;
        const mine = path.join(this.directory, `used.${process.pid}.${thread}`);
        try {
          fs.renameSync(path.join(this.directory, name), mine);
        } catch {
          continue; // another thread was faster
        }
        // One direction each, so that the end of the recorder is seen as an error and not waited for.
        this.request = fs.openSync(path.join(mine, 'req'), fs.constants.O_WRONLY);
        this.response = fs.openSync(path.join(mine, 'rsp'), fs.constants.O_RDONLY);
        return;
      }
      if (Date.now() > deadline) throw new Error('no free channel');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }

  /** @param {string} text */
  send(text) {
    const body = Buffer.from(text, 'utf8');
    const message = Buffer.allocUnsafe(4 + body.length);
    message.writeUInt32LE(body.length, 0);
    body.copy(message, 4);
    let at = 0;
    while (at < message.length) at += fs.writeSync(this.request, message, at);
  }

  receive() {
    return this.read(this.read(4).readUInt32LE(0)).toString('utf8');
  }

  /** @param {number} length */
  read(length) {
    const bytes = Buffer.allocUnsafe(length);
    let at = 0;
    while (at < length) {
      const count = fs.readSync(this.response, bytes, at, length - at, null);
      if (count === 0) throw new Error('end of file');
      at += count;
    }
    return bytes;
  }
}

module.exports = { Channel };
