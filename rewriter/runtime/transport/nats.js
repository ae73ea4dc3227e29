// @ts-check
/** Stages as processes, on one machine or several, that find each other and talk over a NATS broker. */
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const tty = require('node:tty');
const { MessageChannel, Worker, receiveMessageOnPort } = require('node:worker_threads');
const { context } = require('../context.js');
const { errors } = require('../errors.js');
const violations = require('../violations.js');

/** @typedef {import('../peer.js').Link} Link */
/** @typedef {import('../peer.js').Message} Message */

const CLIENTS = ['@nats-io/transport-node', 'nats'];
const COUNT = 0;
const WAITS = 1;
const DRAIN_MS = 2000;
const REMIND_MS = 30_000;
/** Exit status that tells a supervisor to start the stage again: its values are those of an entry that is gone. */
const START_AGAIN = 75;

/** @returns {string} file of the NATS client @throws {Error} one sentence, if there is none */
function clientModule() {
  const named = process.env.PIPETRACE_NATS_MODULE;
  const wanted = named ? [path.isAbsolute(named) || named.startsWith('.') ? path.resolve(named) : named] : CLIENTS;
  /** @type {unknown} */ let why = null;
  for (const name of wanted) {
    try {
      return require.resolve(name, { paths: [__dirname, context.root] });
    } catch (error) {
      why = why || error;
    }
  }
  throw errors.natsMissing(CLIENTS[0] || '', named ? `PIPETRACE_NATS_MODULE names ${named}` : 'it was not found');
}

/** @returns {string} what keeps applications, and versions of one, apart on a broker */
function groupName() {
  const named = process.env.PIPETRACE_GROUP;
  if (named) return `pipetrace.${named.replace(/[^A-Za-z0-9_-]/g, '_')}`;
  const plan = fs.readFileSync(path.join(context.root, '.pipetrace', 'plan.json'));
  return `pipetrace.${crypto.createHash('sha256').update(plan).digest('hex').slice(0, 16)}`;
}

/** The thread that talks to the broker, and how to hear from it: by events, or by waiting. */
class Io {
  /** @param {string} url */
  constructor(url) {
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    this.shared = new Int32Array(new SharedArrayBuffer(8));
    const worker = new Worker(path.join(__dirname, 'nats-io.js'), {
      workerData: { url, group: groupName(), stage: context.stage, module: clientModule(), shared: this.shared, port: port2 },
      transferList: [port2], execArgv: [], name: 'pipetrace-nats',
    });
    worker.unref();
    worker.on('error', (error) => violations.note(`the NATS transport failed: ${error instanceof Error ? error.message : error}.`));
  }

  /** @param {number} timeoutMs @returns {any[] | null} the next message, or null after that time */
  wait(timeoutMs) {
    const deadline = performance.now() + timeoutMs;
    Atomics.store(this.shared, WAITS, 1);
    try {
      for (;;) {
        const seen = Atomics.load(this.shared, COUNT);
        const received = receiveMessageOnPort(this.port);
        if (received) return received.message;
        const left = deadline - performance.now();
        if (left <= 0) return null;
        Atomics.wait(this.shared, COUNT, seen, left);
      }
    } finally {
      Atomics.store(this.shared, WAITS, 0);
    }
  }

  /** @returns {any[][]} what came meanwhile; waits until everything sent so far has reached the broker */
  drain() {
    this.port.postMessage(['drain']);
    const meanwhile = [];
    const deadline = performance.now() + DRAIN_MS;
    for (;;) {
      const message = this.wait(Math.max(0, deadline - performance.now()));
      if (message === null || message[0] === 'drained') return meanwhile;
      meanwhile.push(message);
    }
  }
}

/**
 * Called with each stage that the entry finds.
 * @typedef {(found: {stage: string, open: (events: {onBatch: (batch: Message[]) => void, onExit: (reason: string) => void}) =>
 *   {link: Link, utilization: () => number}}) => void} OnJoin
 */

/** @returns {{tty: boolean[], columns: number | undefined}} */
function terminal() {
  return { tty: [tty.isatty(0), tty.isatty(1), tty.isatty(2)], columns: tty.isatty(1) ? process.stdout.columns : undefined };
}

/**
 * @param {string} url
 * @returns {{discover: (options: {initial: [string, any][], onJoin: OnJoin, onBroker: (there: boolean) => void}) => void}}
 */
function entryTransport(url) {
  const io = new Io(url);
  const { port } = io;
  /** @type {Map<string, {onBatch: (batch: Message[]) => void, onExit: (reason: string) => void}>} */
  const links = new Map();
  let refs = 0;

  /** What came from others while the entry waited for one stage. @type {any[][]} */
  let meanwhile = [];
  /** @param {string} id @param {number} timeoutMs @returns {Message[] | null} */
  const receiveFrom = (id, timeoutMs) => {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const message = io.wait(Math.max(0, deadline - performance.now()));
      if (message === null) return null;
      if (message[0] === 'batch' && message[1] === id) return message[2];
      if (meanwhile.length === 0) {
        setImmediate(() => {
          const late = meanwhile;
          meanwhile = [];
          for (const each of late) handle(each);
        });
      }
      meanwhile.push(message);
      if (message[0] === 'gone' && message[1] === id) return null;
    }
  };
  /** @type {(message: any[]) => void} */
  let handle = () => undefined;

  /** @param {string} id @returns {Link} */
  const linkTo = (id) => ({
    post: (batch) => port.postMessage(['batch', id, batch]),
    receiveSync: (timeoutMs) => receiveFrom(id, timeoutMs),
    sharesMemory: false,
    ref() {
      if (refs++ === 0) port.ref();
    },
    unref() {
      if (--refs === 0) port.unref();
    },
    close() {
      links.delete(id);
      port.postMessage(['leave', id, 'the entry has sent it away']);
    },
  });

  return {
    discover({ initial, onJoin, onBroker }) {
      handle = ([kind, id, content]) => {
        switch (kind) {
          case 'batch': links.get(id)?.onBatch(content); break;
          case 'join':
            onJoin({
              stage: content,
              open(events) {
                links.set(id, events);
                return { link: linkTo(id), utilization: () => 0 };
              },
            });
            break;
          case 'gone': {
            const events = links.get(id);
            links.delete(id);
            if (events) events.onExit(content);
            break;
          }
          case 'up': onBroker(true); break;
          case 'down': onBroker(false); break;
          case 'failed': violations.note(`the NATS transport failed: ${id}.`); break;
          default: break;
        }
      };
      port.on('message', (message) => {
        if (meanwhile.length > 0) meanwhile.push(message);
        else handle(message);
      });
      port.unref();
      port.postMessage(['accept', { entry: crypto.randomUUID(), initial, terminal: terminal(), pid: [process.pid, process.ppid] }]);
    },
  };
}

/** The stage's end: one entry at a time, which may go away and come back. */
class StageEnd {
  /** @param {Io} io */
  constructor(io) {
    this.io = io;
    /** Id of the entry on the broker, and of the program that it runs. */
    this.remote = '';
    this.entry = '';
    /** @type {(batch: Message[]) => void} */
    this.onBatch = () => undefined;
  }

  /** @returns {any} what the entry tells a new stage; waits for it as long as it takes */
  join() {
    for (;;) {
      const message = this.io.wait(REMIND_MS);
      if (message === null) violations.note(`stage ${context.stage} waits for its entry stage.`);
      else if (message[0] === 'failed') throw new Error(`pipetrace: the NATS transport failed: ${message[1]}.`);
      else if (message[0] === 'welcome') {
        this.remote = message[1];
        this.entry = message[2].entry;
        return message[2];
      }
    }
  }

  /** @param {(batch: Message[]) => void} onBatch @returns {Link} */
  connect(onBatch) {
    this.onBatch = onBatch;
    this.io.port.on('message', (message) => this.handle(message));
    return this.link();
  }

  /** @returns {Link} */
  link() {
    const { io, remote } = this;
    return {
      post: (batch) => io.port.postMessage(['batch', remote, batch]),
      receiveSync: (timeoutMs) => this.receiveSync(timeoutMs),
      sharesMemory: false,
      ref() {},
      unref() {},
      close() {
        io.port.postMessage(['leave', remote, 'the stage has ended']);
      },
      drain: () => {
        for (const message of io.drain()) setImmediate(() => this.handle(message));
      },
    };
  }

  /** @param {number} timeoutMs @returns {Message[] | null} */
  receiveSync(timeoutMs) {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const message = this.io.wait(Math.max(0, deadline - performance.now()));
      if (message === null) return null;
      if (message[0] === 'batch') return message[2];
      this.handle(message);
      if (message[0] === 'gone') return null;
    }
  }

  /** @param {any[]} message */
  handle([kind, id, content]) {
    const upstream = require('../upstream.js');
    switch (kind) {
      case 'batch':
        if (id === this.remote) this.onBatch(content);
        break;
      case 'gone':
        if (id === this.remote) upstream.lost(content);
        break;
      case 'welcome':
        if (content.entry !== this.entry) {
          violations.note(`stage ${context.stage} ends, because its entry stage was started anew; start it again.`);
          upstream.leaveNow(START_AGAIN);
          return;
        }
        this.remote = id;
        upstream.rejoin(this.link());
        break;
      case 'failed': violations.note(`the NATS transport failed: ${id}.`); break;
      default: break;
    }
  }
}

/** @param {string} url waits for the entry, and makes this process a stage of its program */
function becomeStage(url) {
  const end = new StageEnd(new Io(url));
  const facts = end.join();
  require('../upstream.js').become((onBatch) => end.connect(onBatch), {
    thread: false, argv: process.argv, initial: facts.initial, terminal: facts.terminal, pid: facts.pid,
  });
}

module.exports = { entryTransport, becomeStage };
