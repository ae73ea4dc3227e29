// @ts-check
/**
 * The thread that talks to the broker. It lives apart, so that a handler that computes for seconds neither stops the
 * heartbeat nor makes the broker give up on a slow reader.
 *
 * A stage says HELLO to the group until the entry welcomes it; from then on the two have a wire. Each side has a subject
 * of its own, `<group>.to.<id>.<sender>`; HELLOs go to `<group>.entry`, which entries read as one queue group.
 */
'use strict';

const v8 = require('node:v8');
const { workerData } = require('node:worker_threads');
const { randomUUID } = require('node:crypto');
const { Wire } = require('./wire.js');

const BEAT_MS = 500;
/** Without a sign of life for so long, while the broker is there, the other side is given up. */
const DEAD_MS = Number(process.env.PIPETRACE_DEAD_MS) || 4000;
const HELLO_MS = 250;
/** A broker that is away for so long ends what is under way. */
const AWAY_MS = Number(process.env.PIPETRACE_BROKER_MS) || 15_000;

/** @type {{url: string, group: string, stage: string, module: string, shared: Int32Array, port: import('node:worker_threads').MessagePort}} */
const { url, group, stage, module: natsModule, shared, port } = workerData;
const isEntry = stage === 'entry';

/** @typedef {{wire: Wire, heard: number, stage: string}} Remote */
/** @type {Map<string, Remote>} */
const remotes = new Map();
let id = randomUUID().slice(0, 13);
/** @type {any} */ let connection = null;
let connected = false;
let away = 0;
/** Of the entry: what a new stage is told. @type {Uint8Array | null} */
let welcome = null;
let part = 512 * 1024;
/** Of a stage: @type {NodeJS.Timeout | null} */
let greeting = null;

/** @param {any[]} message to the thread of the program, which may be waiting for one */
function tell(message) {
  port.postMessage(message);
  if (Atomics.load(shared, 1) === 1) {
    Atomics.add(shared, 0, 1);
    Atomics.notify(shared, 0);
  }
}

/** @param {string} to @param {Uint8Array} payload */
function publish(to, payload) {
  if (connection && connected) connection.publish(`${group}.to.${to}.${id}`, payload);
}

/** @param {string} other @param {string} otherStage @returns {Remote} */
function meet(other, otherStage) {
  const wire = new Wire({
    send: (frame) => publish(other, frame),
    deliver: (payload) => tell(['batch', other, v8.deserialize(payload)]),
  }, part);
  const remote = { wire, heard: Date.now(), stage: otherStage };
  remotes.set(other, remote);
  return remote;
}

/** @param {string} other @param {string} reason */
function lose(other, reason) {
  if (!remotes.delete(other)) return;
  tell(['gone', other, reason]);
  if (!isEntry) greet();
}

/** Of a stage: announces itself until the entry answers. */
function greet() {
  if (greeting) return;
  id = randomUUID().slice(0, 13);
  if (connection) subscribeInbox();
  const hello = () => {
    if (connected) connection.publish(`${group}.entry`, Buffer.from(JSON.stringify({ id, stage })));
  };
  hello();
  greeting = setInterval(hello, HELLO_MS);
}

/** @type {any} */ let inbox = null;

function subscribeInbox() {
  if (inbox) inbox.unsubscribe();
  inbox = connection.subscribe(`${group}.to.${id}.*`, {
    /** @param {Error | null} error @param {{subject: string, data: Uint8Array}} message */
    callback(error, message) {
      if (error) return;
      const from = /** @type {string} */ (message.subject.split('.').pop());
      const remote = remotes.get(from);
      const { data } = message;
      if (data.length === 0) return;
      if (data[0] === 0) {
        onSign(from, v8.deserialize(data.subarray(1)));
        return;
      }
      if (!remote) {
        // It has been given up: it must know, and start afresh.
        sign(from, { bye: 'given up' });
        return;
      }
      remote.heard = Date.now();
      remote.wire.receive(data);
    },
  });
}

/** @param {string} to @param {any} content of a message outside the wire */
function sign(to, content) {
  publish(to, Buffer.concat([Buffer.from([0]), v8.serialize(content)]));
}

/** @param {string} from @param {any} content */
function onSign(from, content) {
  if (content.bye !== undefined) {
    lose(from, content.bye);
    return;
  }
  if (content.welcome === undefined || isEntry || remotes.size > 0) return;
  if (greeting) clearInterval(greeting);
  greeting = null;
  meet(from, 'entry');
  tell(['welcome', from, v8.deserialize(content.welcome)]);
}

/** @param {any} message of a stage that looks for its entry */
function onHello(message) {
  if (!welcome) return;
  const { id: other, stage: otherStage } = JSON.parse(Buffer.from(message.data).toString());
  if (!remotes.has(other)) {
    meet(other, otherStage);
    tell(['join', other, otherStage]);
  }
  sign(other, { welcome });
}

function beat() {
  if (!connected) {
    if (away && Date.now() - away > AWAY_MS) for (const other of [...remotes.keys()]) lose(other, 'the broker is away');
    return;
  }
  const limit = Date.now() - DEAD_MS;
  for (const [other, remote] of [...remotes]) {
    if (remote.heard < limit) lose(other, `no sign of life for ${DEAD_MS} ms`);
    else remote.wire.beat();
  }
}

async function follow() {
  for await (const status of connection.status()) {
    if (status.type === 'disconnect') {
      connected = false;
      away = Date.now();
      tell(['down']);
    } else if (status.type === 'reconnect') {
      connected = true;
      away = 0;
      for (const remote of remotes.values()) {
        remote.heard = Date.now();
        remote.wire.ask();
      }
      tell(['up']);
    }
  }
}

async function start() {
  const { connect } = require(natsModule);
  connection = await connect({
    servers: url, name: `pipetrace ${stage}`, maxReconnectAttempts: -1, reconnectTimeWait: 250, waitOnFirstConnect: true,
    pingInterval: 10_000, ignoreClusterUpdates: true,
  });
  connected = true;
  if (connection.info && connection.info.max_payload) part = Math.max(1024, Math.min(part, connection.info.max_payload - 1024));
  follow().catch(() => undefined);
  subscribeInbox();
  if (isEntry) {
    connection.subscribe(`${group}.entry`, {
      queue: 'entry',
      /** @param {Error | null} error @param {any} message */
      callback(error, message) {
        if (!error) onHello(message);
      },
    });
  } else greet();
  tell(['up']);
}

port.on('message', (message) => {
  switch (message[0]) {
    case 'batch': {
      const remote = remotes.get(message[1]);
      if (remote) remote.wire.post(v8.serialize(message[2]));
      break;
    }
    case 'accept': welcome = v8.serialize(message[1]); break;
    case 'leave':
      sign(message[1], { bye: message[2] });
      remotes.delete(message[1]);
      break;
    case 'drain':
      (connection && connected ? connection.flush() : Promise.resolve()).then(() => tell(['drained']), () => tell(['drained']));
      break;
    default: break;
  }
});
setInterval(beat, BEAT_MS);
start().catch((error) => tell(['failed', error instanceof Error ? error.message : String(error)]));
