// @ts-check
/** The entry stage: starts the replicas when the program has started, watches them, and serves what they ask for. */
'use strict';

const fs = require('node:fs');
const M = require('./messages.js');
const { context } = require('./context.js');
const { Dispatcher } = require('./dispatch.js');
const { Replica } = require('./pool.js');
const ending = require('./ending.js');
const { errors } = require('./errors.js');
const { handlers } = require('./handlers.js');
const init = require('./init.js');
const { watchAnswerers, watchListeners } = require('./isolate.js');
const metrics = require('./metrics.js');
const { Peer, within } = require('./peer.js');
const { replicaCounts } = require('./plan.js');
const program = require('./program.js');
const { belongsTo, watchErrors } = require('./rescue.js');
const outside = require('./outside.js');
const twins = require('./twins.js');
const { Session } = require('./session.js');
const { Reader, decode } = require('./codec/decode.js');
const { encode } = require('./codec/encode.js');
const { encodeChanges } = require('./codec/changes.js');
const { writeWhole } = require('./codec/whole.js');
const violations = require('./violations.js');

/** @typedef {import('./peer.js').Message} Message */
/** @typedef {import('./peer.js').Link} Link */

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 10_000;
/** Attempts to start a replica whose program does not start there. */
const MAX_FAILURES = 3;

/**
 * @typedef {{onBatch: (batch: Message[]) => void, onExit: (reason: string) => void}} LinkEvents
 * @typedef {{link: Link, utilization: () => number}} Opened
 * @typedef {(events: LinkEvents) => Opened} Open
 */
/**
 * Starts the replicas itself.
 * @typedef {object} ThreadTransport
 * @property {(options: {stage: string, replica: number, initial: [string, any][]}, events: LinkEvents) => Opened} start
 */
/**
 * Finds replicas that others have started.
 * @typedef {object} BrokerTransport
 * @property {(options: {initial: [string, any][], onJoin: (found: {stage: string, open: Open}) => void,
 *   onBroker: (there: boolean) => void}) => void} discover
 */

/** @type {Map<number, ((index: number) => void)[]>} */
const awaited = new Map();

/** @param {number} index of a server of this program @param {(address: any) => void} tell called when it listens */
function whenListening(index, tell) {
  const server = program.servers[index];
  if (!server) {
    awaited.set(index, [...(awaited.get(index) || []), () => whenListening(index, tell)]);
    return;
  }
  const address = () => {
    try {
      return server.address();
    } catch {
      return null;
    }
  };
  if (server.listening || (server.listening === undefined && address())) tell(address());
  else server.once('listening', () => tell(address()));
}

class Entry {
  /** @param {Dispatcher} dispatcher */
  constructor(dispatcher) {
    this.dispatcher = dispatcher;
    /** @type {Map<Replica, number>} */
    this.failures = new Map();
  }

  /** @param {Replica} replica @param {Open} open @param {(reason: string, wasReady: boolean, lived: number) => void} after  what to do when it has ended */
  attach(replica, open, after) {
    const { stage } = replica.pool;
    /** @type {Peer | null} */ let peer = null;
    const started = performance.now();
    const { link, utilization } = open({
      onBatch: (batch) => /** @type {Peer} */ (peer).receive(batch),
      onExit: (reason) => {
        const wasReady = replica.ready;
        this.lost(replica, /** @type {Peer} */ (peer));
        after(reason, wasReady, performance.now() - started);
      },
    });
    peer = new Peer(stage, link, {
      onCall: (from, message) => this.onCall(from, message),
      onCallMessage: (from, session, message) => this.dispatcher.onCallMessage(from, session, message),
      onControl: (from, message) => this.onControl(replica, from, message),
    }, 0);
    replica.peer = peer;
    replica.utilization = utilization;
  }

  /** @param {Replica} replica @param {Peer} peer */
  lost(replica, peer) {
    ending.forget(peer);
    replica.ready = false;
    replica.peer = null;
    replica.listens = -1;
    peer.fail((session) => errors.stageDied(replica.pool.stage, session.handler));
    replica.waiting = 0;
    replica.outstanding = 0;
    replica.pool.advance();
  }

  /** @param {Replica} replica @param {ThreadTransport} transport starts it, and starts it again when it ends */
  start(replica, transport) {
    const { stage } = replica.pool;
    const options = { stage, replica: replica.number, initial: init.collect() };
    this.attach(replica, (events) => transport.start(options, events), (reason, wasReady, lived) => {
      if (wasReady) {
        violations.note(`stage ${stage} (replica ${replica.number}) ended: ${reason}; it is started again.`);
        if (replica.pool.exclusive) violations.note(`the state that stage ${stage} owned is as after the start.`);
      }
      const failures = lived > LONGEST_WAIT_MS ? 0 : this.failures.get(replica) || 0;
      this.failures.set(replica, failures + 1);
      if (!wasReady && failures + 1 >= MAX_FAILURES) {
        violations.note(`stage ${stage} does not start (${reason}); its handlers run on the entry stage.`);
        return;
      }
      replica.restarts += 1;
      setTimeout(() => this.start(replica, transport), Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures)).unref();
    });
  }

  /** @param {string} stage @param {Open} open takes a process that has joined into service */
  join(stage, open) {
    const pool = this.dispatcher.pools.get(stage);
    if (!pool) return;
    const replica = new Replica(pool, pool.joined);
    pool.joined += 1;
    pool.replicas.push(replica);
    this.attach(replica, open, (reason, wasReady) => {
      pool.replicas.splice(pool.replicas.indexOf(replica), 1);
      if (!wasReady) return;
      violations.note(`stage ${stage} (replica ${replica.number}) is gone: ${reason}.`);
      if (pool.exclusive) violations.note(`the state that stage ${stage} owned is gone with it.`);
    });
  }

  /** @param {Replica} replica @param {Peer} peer @param {Message} message */
  onControl(replica, peer, message) {
    switch (message[0]) {
      case M.READY:
        replica.listens = message[1];
        this.consider(replica);
        break;
      case M.LISTEN:
        whenListening(message[1], (address) => {
          if (!peer.closed) peer.send([M.LISTENING, message[1], address]);
        });
        break;
      case M.INITIAL:
        init.whenKnown(message[1], (tokens) => {
          if (peer.closed) return;
          peer.send([M.INITIAL_VALUE, message[1], tokens]);
          peer.flush();
        });
        break;
      case M.PRINT: (message[1] === 1 ? process.stdout : process.stderr).write(message[2]); break;
      case M.EXIT: process.exit(...(message[1] === null ? [] : [message[1]])); break;
      case M.RAISE: {
        const error = init.fromTokens(message[2]);
        const session = peer.find(message[3]);
        if (session?.exchange) belongsTo(error, session.exchange.real);
        within(session, () => {
          if (message[1] === 1) Promise.reject(error);
          else process.nextTick(() => { throw error; });
        });
        break;
      }
      case M.VIOLATION: violations.record(JSON.parse(message[1])); break;
      case M.IDLE: ending.isIdle(peer); break;
      case M.LEAVING: replica.ready = false; break;
      case M.FAILED:
        violations.note(`stage ${replica.pool.stage} does not start: ${message[1]}.`);
        peer.link.close();
        break;
      default: break;
    }
  }

  /** @param {Replica} replica takes it into service, once it has come as far as this program */
  consider(replica) {
    if (replica.ready || !replica.peer || replica.listens < program.servers.length) return;
    replica.ready = true;
    replica.pool.advance();
  }

  /** @param {Peer} peer @param {Message} message a stage calls a handler of another stage */
  onCall(peer, message) {
    const r = new Reader(message, 1);
    const session = new Session(peer, r.next(), r.next());
    const captures = [];
    const args = [];
    let value;
    try {
      let count = r.next();
      while (count-- > 0) captures.push(decode(session, r));
      count = r.next();
      while (count-- > 0) args.push(decode(session, r));
      peer.keep(session);
      const handler = handlers.get(session.handler);
      const original = handler && (handler.fn || (handler.factory && handler.factory(...captures)));
      if (!handler || !original) throw new Error(`${session.handler} is not defined on the entry stage`);
      value = this.dispatcher.call(handler, original, undefined, args, captures);
    } catch (error) {
      this.answer(peer, session, M.THREW, error);
      return;
    }
    Promise.resolve(value).then(
      (result) => this.answer(peer, session, M.VALUE, result),
      (error) => this.answer(peer, session, M.REJECTED, error));
  }

  /** @param {Peer} peer @param {Session} session @param {number} status @param {any} value */
  answer(peer, session, status, value) {
    const message = writeWhole(session, 'The result', [M.RESULT, session.id, false], (out) => {
      out.push(status);
      encodeChanges(session, out);
      encode(session, out, value);
    }, [M.REJECTED, 0]);
    session.done = true;
    peer.send(message);
    if (session.references === 0) peer.forget(session);
    else peer.maybeDrop(session);
  }
}

/**
 * Makes this process the entry stage.
 * @param {(entryFile: string, env: NodeJS.ProcessEnv) => ThreadTransport | BrokerTransport} makeTransport
 * @param {string} entryFile @param {NodeJS.ProcessEnv} env as it was before the program ran
 */
function become(makeTransport, entryFile, env) {
  const dispatcher = new Dispatcher();
  context.dispatcher = dispatcher;
  watchErrors();
  outside.watch();
  if (context.plan && [...context.plan.moved.values()].some((handler) => handler.form === 'twin')) twins.watch();
  watchAnswerers();
  watchListeners((index) => {
    for (const tell of awaited.get(index) || []) tell(index);
    awaited.delete(index);
  });
  init.writeChance();
  init.whenInitOver(false, () => {
    context.initOver = true;
    outside.evaluated();
    const plan = /** @type {import('./plan.js').Plan} */ (context.plan);
    const entry = new Entry(dispatcher);
    ending.watchEnd(() => dispatcher.peers());
    const transport = makeTransport(fs.realpathSync(entryFile), env);
    for (const [stage, count] of replicaCounts(plan, process.env.PIPETRACE_REPLICAS)) {
      const pool = dispatcher.pool(stage);
      for (let number = 0; 'start' in transport && number < count; number += 1) {
        const replica = new Replica(pool, number);
        pool.replicas.push(replica);
        entry.start(replica, transport);
      }
    }
    if ('discover' in transport) {
      transport.discover({
        initial: init.collect(),
        onJoin: ({ stage, open }) => entry.join(stage, open),
        onBroker: (there) => dispatcher.suspend(!there),
      });
    }
    metrics.serve(process.env.PIPETRACE_METRICS_PORT);
    setImmediate(() => program.buildIndex()).unref();
  });
}

module.exports = { become, Entry };
