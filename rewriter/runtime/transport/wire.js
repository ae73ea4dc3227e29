// @ts-check
/**
 * Ordered and complete delivery over a broker that may lose messages: frames are numbered, kept until they are
 * acknowledged, and sent again when the other side misses one. A payload larger than the broker allows goes in parts.
 */
'use strict';

const DATA = 1;
const ACKNOWLEDGE = 2;
const MISSING = 3;

const MORE = 1;
const HEADER = 12;

/** How many frames are taken in before they are acknowledged without waiting for the next beat. */
const ACKNOWLEDGE_AFTER = 32;
/** Beats without progress after which what is not acknowledged is sent again. */
const PATIENCE = 3;

/**
 * @typedef {object} Ends
 * @property {(frame: Uint8Array) => void} send  to the broker; may be lost
 * @property {(payload: Uint8Array) => void} deliver  complete payloads, in order
 */

class Wire {
  /** @param {Ends} ends @param {number} part most bytes of a frame's payload */
  constructor(ends, part) {
    this.ends = ends;
    this.part = part;
    this.sent = 0;
    this.acknowledged = 0;
    /** @type {{seq: number, frame: Buffer}[]} */
    this.kept = [];
    this.expected = 1;
    this.toldExpected = 1;
    /** @type {Uint8Array[]} */
    this.parts = [];
    this.missing = false;
    this.idle = 0;
  }

  /** @param {Uint8Array} payload */
  post(payload) {
    let at = 0;
    do {
      const end = Math.min(payload.length, at + this.part);
      this.sent += 1;
      const frame = this.frame(DATA, end < payload.length ? MORE : 0, this.sent, payload.subarray(at, end));
      this.kept.push({ seq: this.sent, frame });
      this.ends.send(frame);
      at = end;
    } while (at < payload.length);
  }

  /** @param {number} type @param {number} flags @param {number} seq @param {Uint8Array} [payload] @returns {Buffer} */
  frame(type, flags, seq, payload) {
    const frame = Buffer.allocUnsafe(HEADER + (payload ? payload.length : 0));
    frame.writeUInt8(type, 0);
    frame.writeUInt8(flags, 1);
    frame.writeUInt16LE(0, 2);
    frame.writeUInt32LE(seq, 4);
    frame.writeUInt32LE(this.expected - 1, 8);
    if (payload) frame.set(payload, HEADER);
    this.toldExpected = this.expected;
    return frame;
  }

  /** @param {Uint8Array} bytes a frame from the broker */
  receive(bytes) {
    const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const type = frame.readUInt8(0);
    this.confirm(frame.readUInt32LE(8));
    if (type === MISSING) {
      for (const { frame: again } of this.kept) this.ends.send(again);
      return;
    }
    if (type !== DATA) return;
    const seq = frame.readUInt32LE(4);
    if (seq > this.expected) {
      // One request is enough: everything after it comes again.
      if (!this.missing) this.ask();
      return;
    }
    if (seq < this.expected) return;
    this.missing = false;
    this.expected += 1;
    this.take(frame.readUInt8(1) === MORE, frame.subarray(HEADER));
    if (this.expected - this.toldExpected >= ACKNOWLEDGE_AFTER) this.ends.send(this.frame(ACKNOWLEDGE, 0, 0));
  }

  /** Asks for what comes next again, as after a break of the connection. */
  ask() {
    this.missing = true;
    this.ends.send(this.frame(MISSING, 0, 0));
  }

  /** @param {boolean} more @param {Uint8Array} payload */
  take(more, payload) {
    if (more || this.parts.length > 0) this.parts.push(payload);
    if (more) return;
    const whole = this.parts.length > 0 ? Buffer.concat(this.parts) : payload;
    this.parts = [];
    this.ends.deliver(whole);
  }

  /** @param {number} seq everything up to it has arrived there */
  confirm(seq) {
    if (seq <= this.acknowledged) return;
    this.acknowledged = seq;
    this.idle = 0;
    let count = 0;
    while (count < this.kept.length && /** @type {{seq: number}} */ (this.kept[count]).seq <= seq) count += 1;
    this.kept.splice(0, count);
  }

  /** Called at every beat: says that this side lives, and sends again what seems to be lost. */
  beat() {
    this.missing = false;
    this.ends.send(this.frame(ACKNOWLEDGE, 0, 0));
    if (this.kept.length === 0) {
      this.idle = 0;
      return;
    }
    this.idle += 1;
    if (this.idle < PATIENCE) return;
    this.idle = 0;
    for (const { frame } of this.kept) this.ends.send(frame);
  }
}

module.exports = { Wire };
