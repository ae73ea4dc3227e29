// @ts-check
'use strict';

/**
 * The file that one thread writes its records to: packed blocks and JSON lines.
 *
 * A block is a header of four uint32 (magic, type, payload bytes, records) and its payload, padded to eight
 * bytes, so that a reader can stop at the first block that is cut off. The layout is private to this file
 * and `tracer/spool.py`. Writes are synchronous, because what was written must outlive a SIGKILL.
 */

const process = require('process');
const { Buffer } = require('buffer');
const fs = require('fs');
const path = require('path');
const thinning = require('./thinning.js');

const MAGIC = 0x31425450; // 'PTB1'
const INVOCATIONS = 1;
const ACCESSES = 2;
const CHAINS = 3;
const LINES = 4;

const HEADER = 16;
const INVOCATION_BYTES = 48;
const ACCESS_BYTES = 16;
const CHAIN_BYTES = 24;
const PER_BLOCK = 1365;

/** One block in memory, seen as bytes, as int32 and as float64; `count` records are in it. */
class Block {
  /**
   * @param {number} type
   * @param {number} recordBytes a multiple of eight, or 16
   */
  constructor(type, recordBytes) {
    const bytes = HEADER + recordBytes * PER_BLOCK + (8 - ((recordBytes * PER_BLOCK) % 8)) % 8;
    const buffer = new ArrayBuffer(bytes);
    this.type = type;
    this.recordBytes = recordBytes;
    this.bytes = new Uint8Array(buffer);
    this.ints = new Int32Array(buffer);
    this.floats = new Float64Array(buffer);
    this.count = 0;
  }
}

class Spool {
  /** @param {string} directory existing directory; the file is made with the first write */
  constructor(directory) {
    this.directory = directory;
    this.fd = -1;
    this.broken = false;
    this.lost = 0;
    this.bytesWritten = 0;
    this.invocations = new Block(INVOCATIONS, INVOCATION_BYTES);
    this.accesses = new Block(ACCESSES, ACCESS_BYTES);
    this.chains = new Block(CHAINS, CHAIN_BYTES);
    /** @type {string[]} */
    this.lines = [];
    /** @type {Map<string, number>} */
    this.strings = new Map([['', 0]]);
    /** @type {(() => void)[]} what adds lines of its own just before they are written */
    this.beforeFlush = [];
  }

  /**
   * Number of a text that records refer to. Beyond 20000 different ones all share one number.
   * @param {string} text
   * @returns {number}
   */
  string(text) {
    const known = this.strings.get(text);
    if (known !== undefined) return known;
    const full = this.strings.size >= 20000;
    if (full && text !== '(other)') return this.string('(other)');
    const number = this.strings.size;
    this.strings.set(text, number);
    this.line({ t: 's', i: number, v: text });
    return number;
  }

  /** @param {object} row */
  line(row) {
    this.lines.push(JSON.stringify(row));
    if (this.lines.length >= 2000) this.writeLines();
  }

  /**
   * @param {number} id @param {number} fid @param {number} parent 0 = none @param {number} chain
   * @param {number} first 0 = itself @param {number} flags @param {number} start ms since the time origin
   * @param {number} wall ms @param {number} self ms
   */
  invocation(id, fid, parent, chain, first, flags, start, wall, self) {
    const block = this.invocations;
    const at = (HEADER >> 2) + block.count * (INVOCATION_BYTES >> 2);
    const { ints, floats } = block;
    ints[at] = id;
    ints[at + 1] = fid;
    ints[at + 2] = parent;
    ints[at + 3] = chain;
    ints[at + 4] = first;
    ints[at + 5] = flags;
    const half = (at >> 1) + 3;
    floats[half] = start;
    floats[half + 1] = wall;
    floats[half + 2] = self;
    if (++block.count === PER_BLOCK) this.writeBlock(block);
  }

  /** @param {number} invocation @param {number} location @param {number} mode @param {number} line */
  access(invocation, location, mode, line) {
    const block = this.accesses;
    const at = (HEADER >> 2) + block.count * (ACCESS_BYTES >> 2);
    const ints = block.ints;
    ints[at] = invocation;
    ints[at + 1] = location;
    ints[at + 2] = mode;
    ints[at + 3] = line;
    if (++block.count === PER_BLOCK) this.writeBlock(block);
  }

  /** @param {number} id @param {number} kind string number @param {number} event string number @param {number} start */
  chain(id, kind, event, start) {
    const block = this.chains;
    const at = (HEADER >> 2) + block.count * (CHAIN_BYTES >> 2);
    block.ints[at] = id;
    block.ints[at + 1] = kind;
    block.ints[at + 2] = event;
    block.floats[(at >> 1) + 2] = start;
    if (++block.count === PER_BLOCK) this.writeBlock(block);
  }

  /** Write everything that is in memory. */
  flush() {
    for (const add of this.beforeFlush) add();
    this.writeLines();
    this.writeBlock(this.chains);
    this.writeBlock(this.invocations);
    this.writeBlock(this.accesses);
  }

  /** Write nothing any more. */
  close() {
    this.broken = true;
    if (this.fd >= 0) fs.closeSync(this.fd);
    this.fd = -1;
  }

  writeLines() {
    if (this.lines.length === 0) return;
    const text = Buffer.from(this.lines.join('\n'), 'utf8');
    const count = this.lines.length;
    this.lines = [];
    const padded = (text.length + 7) & ~7;
    const bytes = Buffer.alloc(HEADER + padded, 0x20);
    header(bytes, LINES, padded, count);
    text.copy(bytes, HEADER);
    this.write(bytes, count);
  }

  /** @param {Block} block */
  writeBlock(block) {
    if (block.count === 0) return;
    const count = block.count;
    block.count = 0;
    const payload = (count * block.recordBytes + 7) & ~7;
    header(block.bytes, block.type, payload, count);
    this.write(block.bytes.subarray(0, HEADER + payload), count);
  }

  /** @param {Uint8Array} bytes @param {number} count */
  write(bytes, count) {
    if (this.broken) {
      this.lost += count;
      return;
    }
    try {
      if (this.fd < 0) this.open();
      let at = 0;
      while (at < bytes.length) at += fs.writeSync(this.fd, bytes, at);
      this.bytesWritten += bytes.length;
      thinning.grown(this.bytesWritten);
    } catch {
      // A full disk must not harm the application; a block that was cut off ends the file for readers.
      this.broken = true;
      this.lost += count;
    }
  }

  open() {
    const thread = require('worker_threads').threadId;
    const name = `${process.pid}.${thread}.${Date.now().toString(36)}.bin`;
    this.fd = fs.openSync(path.join(this.directory, name), 'ax');
  }
}

/** @param {Uint8Array} bytes @param {number} type @param {number} payload @param {number} count */
function header(bytes, type, payload, count) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, type, true);
  view.setUint32(8, payload, true);
  view.setUint32(12, count, true);
}

module.exports = { Spool };
