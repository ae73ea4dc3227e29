// @ts-check
/** Where violations go: to stderr, to the file that PIPETRACE_VIOLATIONS names, and to the entry stage's counters. */
'use strict';

const fs = require('node:fs');
const { context } = require('./context.js');

/** @typedef {import('./errors.js').PipetraceViolation} PipetraceViolation */
/** @typedef {{time: string, handler: string, location: string, owner: string, stage: string, remedy: string, message: string}} ViolationLine */

let count = 0;
/** @type {Set<string>} */
const shown = new Set();
const rawWrite = fs.writeSync;

/** @param {ViolationLine} line of this stage or another */
function record(line) {
  count += 1;
  const file = process.env.PIPETRACE_VIOLATIONS;
  if (file) {
    try {
      fs.appendFileSync(file, `${JSON.stringify(line)}\n`);
    } catch (error) {
      note(`cannot write to PIPETRACE_VIOLATIONS: ${error instanceof Error ? error.message : error}`);
    }
  }
  if (!shown.has(line.message)) {
    shown.add(line.message);
    note(`${line.message} Remedy: ${line.remedy}.`);
  }
}

/**
 * @template {PipetraceViolation} E
 * @param {E} violation
 * @returns {E} the same, to throw
 */
function report(violation) {
  const line = {
    time: new Date().toISOString(), handler: violation.handler, location: violation.location, owner: violation.owner,
    stage: context.stage, remedy: violation.remedy, message: violation.message,
  };
  if (context.upstream) context.upstream.sendViolation(line);
  else record(line);
  return violation;
}

/** @param {string} text one line for people, on stderr */
function note(text) {
  try {
    rawWrite(2, `pipetrace: ${text}\n`);
  } catch {
    // Nobody reads stderr.
  }
}

module.exports = { report, record, note, violationCount: () => count };
