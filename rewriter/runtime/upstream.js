// @ts-check
/** A stage's link to the entry: becomes a stage, tells what happens, asks for what it lacks. */
'use strict';

const os = require('node:os');
const M = require('./messages.js');
const { activity, context } = require('./context.js');
const ending = require('./ending.js');
const { errors } = require('./errors.js');
const init = require('./init.js');
const isolation = require('./isolate.js');
const { Peer } = require('./peer.js');
const program = require('./program.js');
const stage = require('./stage.js');
const violations = require('./violations.js');

/** @typedef {import('./peer.js').Link} Link */
/** @typedef {import('./peer.js').Message} Message */

const INITIAL_TIMEOUT_MS = 10_000;
/** How much nicer a stage is than the entry: about a third of the time where both want all of it. */
const YIELD = 5;

/** @type {Map<string, import('./init.js').Tokens>} */
const answers = new Map();
let failed = false;

/** @returns {Peer} */
function upstream() {
  return /** @type {Peer} */ (context.upstream);
}

/** @param {any} error initialisation went wrong here: the entry goes on alone */
function fail(error) {
  const text = error instanceof Error ? error.message : String(error);
  if (context.initOver) {
    violations.note(`stage ${context.stage}: error while it started: ${text}.`);
    return;
  }
  failed = true;
  upstream().send([M.FAILED, text]);
  flush();
  // A process has nobody who would end it.
  if (upstream().link.drain) leaveNow(1);
}

/** @param {Peer} _peer @param {Message} message */
function onControl(_peer, message) {
  switch (message[0]) {
    case M.LISTENING: isolation.listening(message[1], message[2]); break;
    case M.ASK_IDLE:
      ending.whenIdle(() => {
        upstream().send([M.IDLE]);
        upstream().flush();
      });
      break;
    case M.INITIAL_VALUE: answers.set(message[1], message[2]); break;
    default: break;
  }
}

/** @param {string} name @returns {import('./init.js').Tokens | undefined} */
function askInitial(name) {
  const peer = upstream();
  peer.send([M.INITIAL, name]);
  peer.flush();
  const deadline = performance.now() + INITIAL_TIMEOUT_MS;
  while (peer.link.receiveSync && !answers.has(name)) {
    const batch = peer.link.receiveSync(Math.max(0, deadline - performance.now()));
    if (batch === null) throw errors.noAnswer(`the initial value ${name}`, INITIAL_TIMEOUT_MS);
    for (const message of batch) {
      if (message[0] === M.INITIAL_VALUE) onControl(peer, message);
      else peer.defer([message]);
    }
  }
  return answers.get(name);
}

/** Servers that the program would listen with here. */
let listens = 0;
const exit = process.exit;
const { on } = process;
/** How long a stage that is told to end finishes what it has begun. */
const LEAVE_MS = 10_000;

/** @param {Link} link @returns {Peer} */
function open(link) {
  const peer = new Peer('entry', link, { onCall: stage.onCall, onCallMessage: stage.onCallMessage, onControl }, 1);
  context.upstream = peer;
  return peer;
}

/** Lets everything that was said reach the entry, before this process or thread ends. */
function flush() {
  const { link } = upstream();
  upstream().flush();
  if (link.drain) link.drain();
}

/** @param {string} reason the entry is gone, or the broker was away for long */
function lost(reason) {
  violations.note(`stage ${context.stage} has lost its entry stage: ${reason}.`);
  upstream().fail((session) => errors.stageDied('entry', session.handler));
}

/** @param {Link} link the entry that runs this program is back */
function rejoin(link) {
  open(link).send([M.READY, listens]);
}

/** @param {number} code ends this process at once */
function leaveNow(code) {
  Reflect.apply(exit, process, [code]);
}

/** Ends this process when what it has begun is done. */
function leave() {
  const deadline = performance.now() + LEAVE_MS;
  upstream().send([M.LEAVING]);
  const check = () => {
    const busy = [...upstream().sessions.values()].some((session) => !session.done);
    if (busy && performance.now() < deadline) {
      setTimeout(check, 20);
      return;
    }
    upstream().flush();
    upstream().link.close();
    flush();
    leaveNow(0);
  };
  setTimeout(check, 20);
}

/**
 * Lets the entry's thread go first where both want the same core: it dispatches, and answers light requests, in
 * microseconds that would otherwise wait behind milliseconds. On Linux 0 is the calling thread.
 */
function yieldToEntry() {
  if (process.platform !== 'linux') return;
  try {
    os.setPriority(0, Math.min(19, os.getPriority(0) + YIELD));
  } catch {
    // Not allowed here: all threads stay equal.
  }
}

/**
 * Makes this thread or process a stage.
 * @param {(onBatch: (batch: Message[]) => void) => Link} connect
 * @param {{thread: boolean, argv: string[], initial: [string, any][], terminal: {tty: boolean[], columns: number | undefined}, pid?: [number, number]}} facts
 */
function become(connect, facts) {
  yieldToEntry();
  open(connect((batch) => upstream().receive(batch)));
  init.accept(facts.initial);
  init.repeatChance();
  const send = (/** @type {Message} */ message) => upstream().send(message);
  isolation.isolate({
    listen(index) {
      listens += 1;
      send([M.LISTEN, index]);
      if (context.initOver && !failed) send([M.READY, listens]);
    },
    print: (fd, data) => send([M.PRINT, fd, data]),
    exit(code) {
      send([M.EXIT, code]);
      flush();
    },
    raise(kind, error, session) {
      send([M.RAISE, kind, init.toTokens(error) || init.toTokens(new Error(String(error && error.message))), session]);
      upstream().flush();
    },
    failed: fail,
  }, facts);
  if (!facts.thread) for (const signal of ['SIGTERM', 'SIGINT']) Reflect.apply(on, process, [signal, leave]);
  init.whenInitOver(true, () => {
    if (failed) return;
    context.initOver = true;
    // Built while nobody waits; what came here in the context of initialisation stays allowed.
    activity.exit(() => program.buildIndex());
    ending.rememberResources();
    send([M.READY, listens]);
  });
}

module.exports = { become, askInitial, lost, rejoin, leaveNow };
