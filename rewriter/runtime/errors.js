// @ts-check
/** The errors of the runtime, as a table of factories: one place for wording, codes and HTTP status. */
'use strict';

/** Staged code touched something that its stage does not have. The request gets a 500, serving goes on. */
class PipetraceViolation extends Error {
  /**
   * @param {string} message
   * @param {{handler?: string, location?: string, owner?: string, remedy?: string}} details
   */
  constructor(message, details) {
    super(message);
    this.name = 'PipetraceViolation';
    this.code = 'PIPETRACE_VIOLATION';
    this.status = 500;
    this.statusCode = 500;
    this.handler = details.handler || '';
    this.location = details.location || '';
    this.owner = details.owner || '';
    this.remedy = details.remedy || '';
  }
}

/** The stage that had the call is gone or does not answer. The request gets a 503. */
class PipetraceUnavailable extends Error {
  /** @param {string} message @param {string} handler */
  constructor(message, handler) {
    super(message);
    this.name = 'PipetraceUnavailable';
    this.code = 'PIPETRACE_UNAVAILABLE';
    this.status = 503;
    this.statusCode = 503;
    this.expose = false;
    this.handler = handler;
  }
}

/** A value cannot travel: the caller runs the handler where it is. Never seen by the application. */
class CannotTravel extends Error {
  /** @param {string} what */
  constructor(what) {
    super(what);
    this.name = 'CannotTravel';
  }
}

/** @param {unknown} error raised while a value was written @returns {string} why it cannot travel */
function reasonOf(error) {
  if (error instanceof CannotTravel) return error.message;
  if (error instanceof RangeError) return 'a value is nested too deeply to travel';
  return error instanceof Error ? `a value cannot travel (${error.message})` : 'a value cannot travel';
}

const REMEDY_RECORD = 'record this path, or keep the two together: pipetrace partition --violations <log>';

const errors = {
  /** @param {string} location @param {string} owner @param {string} handler @param {string} here */
  touchedState(location, owner, handler, here) {
    return new PipetraceViolation(
      `Handler ${handler || '(unknown)'} on stage ${here} touched ${location}, which belongs to stage ${owner}.`,
      { handler, location, owner, remedy: REMEDY_RECORD });
  },
  /** @param {string} location @param {string} handler @param {string} here */
  changedConstant(location, handler, here) {
    return new PipetraceViolation(
      `Handler ${handler || '(unknown)'} on stage ${here} would change ${location}, of which each stage has its own copy.`,
      { handler, location, owner: 'entry', remedy: REMEDY_RECORD });
  },
  /** @param {string} what @param {string} handler @param {string} why */
  touchedOpaque(what, handler, why) {
    return new PipetraceViolation(
      `Handler ${handler || '(unknown)'} used ${what}, which stayed on the entry stage because ${why}.`,
      { handler, location: what, owner: 'entry', remedy: REMEDY_RECORD });
  },
  /** @param {string} what @param {string} handler */
  rawSocket(what, handler) {
    return new PipetraceViolation(
      `Handler ${handler || '(unknown)'} used ${what} of a connection that stayed on the entry stage.`,
      { handler, location: 'socket', owner: 'entry', remedy: REMEDY_RECORD });
  },
  /** @param {string} name @param {string} handler @param {string} here */
  ofProcess(name, handler, here) {
    return new PipetraceViolation(
      `Handler ${handler || '(unknown)'} on stage ${here} called process.${name}, which concerns the process of the entry stage.`,
      { handler, location: `process.${name}`, owner: 'entry', remedy: 'keep this handler: pipetrace partition --keep <handler>' });
  },
  /** @param {string} handler @param {string} here */
  listens(handler, here) {
    return new PipetraceViolation(
      `Handler ${handler || '(unknown)'} on stage ${here} would listen, which has to happen on the machine of the entry stage.`,
      { handler, location: 'listen', owner: 'entry', remedy: 'keep this handler: pipetrace partition --keep <handler>' });
  },
  /** @param {string} name @param {string} handler */
  chainEnded(name, handler) {
    return new PipetraceViolation(
      `Function ${name || '(anonymous)'} of a chain that has ended was called from another stage.`,
      { handler, location: name, owner: 'entry', remedy: REMEDY_RECORD });
  },
  /** @param {string} name @param {string} property @param {string} handler */
  resultUsed(name, property, handler) {
    return new PipetraceViolation(
      `Handler ${handler || '(unknown)'} used the result of ${name || 'a function'} (.${property}), which another stage has not sent yet.`,
      { handler, location: name, owner: 'entry', remedy: REMEDY_RECORD });
  },
  /** @param {string} stage @param {string} handler */
  stageDied(stage, handler) {
    return new PipetraceUnavailable(`Stage ${stage} ended while it ran ${handler}.`, handler);
  },
  /** @param {string} stage @param {string} handler @param {number} ms */
  timedOut(stage, handler, ms) {
    return new PipetraceUnavailable(`Stage ${stage} did not start ${handler} within ${ms} ms.`, handler);
  },
  /** @param {string} stage @param {string} handler */
  overloaded(stage, handler) {
    return new PipetraceUnavailable(`Too many calls of ${handler} wait for stage ${stage}.`, handler);
  },
  /** @param {string} stage @param {string} handler */
  cannotTravel(stage, handler) {
    return new PipetraceViolation(
      `The values of a call of ${handler} cannot travel to stage ${stage}, which alone may run it because it owns state.`,
      { handler, location: 'arguments', owner: stage, remedy: REMEDY_RECORD });
  },
  /** @param {string} what @param {string} handler @param {unknown} error */
  cannotReturn(what, handler, error) {
    return new PipetraceViolation(
      `${what} of handler ${handler || '(unknown)'} cannot travel to another stage: ${reasonOf(error)}.`,
      { handler, location: what.toLowerCase(), owner: 'entry', remedy: REMEDY_RECORD });
  },
  /** @param {string} what @param {number} ms */
  noAnswer(what, ms) {
    return new PipetraceUnavailable(`No answer from the entry stage to ${what} within ${ms} ms.`, what);
  },
  /** @param {string} name @param {string} why */
  natsMissing(name, why) {
    return new Error(
      `pipetrace: the NATS transport needs the package ${name} (${why}); install it beside @pipetrace/runtime `
      + 'or name its directory in PIPETRACE_NATS_MODULE.');
  },
  /** @param {string} value */
  badTransport(value) {
    return new Error(`pipetrace: PIPETRACE_TRANSPORT is '${value}', but must be 'threads' or 'nats://host:port'.`);
  },
  /** @param {string} stage @param {string} known */
  unknownStage(stage, known) {
    return new Error(`pipetrace: PIPETRACE_STAGE is '${stage}', but the plan has only ${known}.`);
  },
  /** @param {string} file @param {string} why */
  badText(file, why) {
    return new Error(`pipetrace: ${file} cannot be loaded with its guards (${why}); make the staged application again with `
      + 'pipetrace rewrite.');
  },
  /** @param {string} file @param {string} why */
  badPlan(file, why) {
    return new Error(`pipetrace: ${file} cannot be used (${why}); make the staged application again with pipetrace rewrite.`);
  },
};

/** @param {unknown} error @returns {error is PipetraceViolation | PipetraceUnavailable} true if it is the runtime's own */
function isOwn(error) {
  return error instanceof PipetraceViolation || error instanceof PipetraceUnavailable;
}

module.exports = { PipetraceViolation, PipetraceUnavailable, CannotTravel, errors, isOwn, reasonOf };
