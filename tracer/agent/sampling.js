// @ts-check
'use strict';

/**
 * Decides which invocations record their memory accesses.
 *
 * A function's first invocations all do, and its first ones in each kind of event, since what it does may depend on the
 * route; then every second, fourth, … while nothing new is seen, down to one in 64. A location, mode or line that is new
 * for the function brings the samples back. A budget bounds the share of time that sampled invocations may take once
 * each function has had a few.
 *
 * A function that an invocation merely calls has no invocation of its own. Until it has run in a few sampled ones,
 * a call of it makes a sample of the rest of the invocation, whatever the budget.
 */

const FIRST = 20;
const MINIMUM = 5;
const LONGEST = 64;
const BUDGET = 0.1;
/** What a further call in the same invocation adds to a function's count: it may take a branch not seen yet. */
const AGAIN = 1 / 256;
/** Invocations in events of one kind that are sampled whatever the budget, and of how many kinds. */
const EACH_EVENT = 3;
const EVENTS = 100;

class Sampling {
  /** @param {'off'|'sampled'|'full'} mode */
  constructor(mode) {
    this.mode = mode;
    /** Invocations seen, by function. @type {number[]} */
    this.seen = [];
    /** Number of the next invocation to sample, by function. @type {number[]} */
    this.next = [];
    /** Distance between samples, by function. @type {number[]} */
    this.period = [];
    /** @type {(Set<number>|undefined)[]} */
    this.known = [];
    /** Sampled invocations that called it, by function. @type {number[]} */
    this.met = [];
    /** The last of them, by function. @type {number[]} */
    this.metBy = [];
    /** Invocations by event, by function. @type {Map<string, number>[]} */
    this.events = [];
    this.sampledMs = 0;
    this.totalMs = 0;
  }

  /**
   * Whether a function that is called has not yet run in enough sampled invocations.
   * @param {number} fid
   * @returns {boolean}
   */
  lacks(fid) {
    return this.mode === 'sampled' && !((this.met[fid] || 0) >= MINIMUM);
  }

  /** A function is called in a sampled invocation. @param {number} fid @param {number} invocation */
  meets(fid, invocation) {
    this.met[fid] = (this.met[fid] || 0) + (this.metBy[fid] === invocation ? AGAIN : 1);
    this.metBy[fid] = invocation;
  }

  /**
   * @param {number} fid @param {string} event that it descends from
   * @returns {boolean}
   */
  wants(fid, event) {
    if (this.mode !== 'sampled') return this.mode === 'full';
    const seen = (this.seen[fid] || 0) + 1;
    this.seen[fid] = seen;
    if (this.isNew(fid, event) || seen <= MINIMUM) return true;
    if (seen > FIRST && seen < (this.next[fid] || 0)) return false;
    if (this.sampledMs > BUDGET * this.totalMs + 200) return false;
    if (seen > FIRST) {
      const period = Math.min(LONGEST, (this.period[fid] || 1) * 2);
      this.period[fid] = period;
      this.next[fid] = seen + period;
    }
    return true;
  }

  /** Whether a function was seldom called in events of a kind, which this call counts as. @param {number} fid @param {string} event */
  isNew(fid, event) {
    const events = this.events[fid] ?? (this.events[fid] = new Map());
    const count = events.get(event) ?? 0;
    if (count >= EACH_EVENT || (count === 0 && events.size >= EVENTS)) return false;
    events.set(event, count + 1);
    return true;
  }

  /** @param {number} self ms @param {boolean} sampled */
  spent(self, sampled) {
    this.totalMs += self;
    if (sampled) this.sampledMs += self;
  }

  /**
   * Note what a sample saw; something new makes the next samples come sooner.
   * @param {number} fid
   * @param {number} key of line, mode and kind, without the object's identity
   */
  saw(fid, key) {
    let known = this.known[fid];
    if (known === undefined) known = this.known[fid] = new Set();
    if (known.has(key) || known.size > 5000) return;
    known.add(key);
    const seen = this.seen[fid];
    if (seen > FIRST) {
      this.period[fid] = 1;
      this.next[fid] = seen + 1;
    }
  }
}

module.exports = { Sampling };
