// @ts-check
'use strict';

/**
 * Who caused an invocation, and which outside event a chain began with.
 *
 * An AsyncLocalStorage (context.js) carries the link of the running invocation to whatever it starts. With an empty
 * shadow stack the store is the causal parent, unless the resource that runs is an outside event: a request
 * not seen before, a datagram, a connection, a signal, a timer of the initialisation or of another timer. So is a turn of
 * a loop on `setImmediate` that the initialisation has begun, once it is plain that the loop goes on.
 */

const { executionAsyncId, executionAsyncResource } = require('async_hooks');
const { IncomingMessage } = require('http');
const { types } = require('util');
const { Link: Carrier, look, lookAgain, lookWithin, enter, run, contextStaysWithResource } = require('./context.js');
const { state } = require('./state.js');
const thinning = require('./thinning.js');
const { pathPattern } = require('./sources.js');

/** @typedef {import('./context.js').Link} Link */

/** A chain: all invocations that descend from one outside event. */
class Chain {
  /** @param {number} id invocation id of its root @param {string} kind @param {string} event @param {number} start ms */
  constructor(id, kind, event, start) {
    this.id = id;
    this.kind = kind;
    this.event = event;
    this.start = start;
    this.written = false;
    /** Its invocations are recorded. */
    this.kept = kind === 'init' || thinning.keeps();
  }
}

const NO_CHAIN = new Chain(0, 'other', '', 0);
NO_CHAIN.written = true;

/** Returns what it is given, so that a class below it adds its private fields to that. */
class Given {
  /** @param {object} object */
  constructor(object) {
    return object;
  }
}

/** The links of requests, in the requests themselves where nobody sees them: a WeakMap costs the garbage collector more. */
class Requests extends Given {
  /** @type {Link} */
  #link;

  /** @param {object} request @param {Link} link */
  constructor(request, link) {
    super(request);
    this.#link = link;
  }

  /** @param {any} request @returns {Link | undefined} */
  static get(request) {
    return #link in request ? request.#link : undefined;
  }

  /** @param {any} request @param {Link} link */
  static set(request, link) {
    // What the agent calls may be the application's by now, and begin the same request.
    if (#link in request) request.#link = link;
    else new Requests(request, link);
  }
}
/** Parsers whose events run in the context of their request. @type {WeakSet<object>} */
const parsers = new WeakSet();
/** @type {Chain | null} */
let initChain = null;

/** Kinds of event by type of the resource that runs. @type {Record<string, string>} */
const KINDS = {
  HTTPINCOMINGMESSAGE: 'http', Timeout: 'timer', UDP: 'datagram', UDPWRAP: 'datagram', TCP: 'connection',
  Pipe: 'connection', TLSWrap: 'connection', Signal: 'signal', MessagePort: 'other', FSEvent: 'other', StatWatcher: 'other',
  HTTPParser: 'other', Immediate: 'immediate',
};
/** Names of events whose resource does not tell it. @type {Record<string, string>} */
const EVENTS = { UDP: 'message', UDPWRAP: 'message', MessagePort: 'message', FSEvent: 'change', StatWatcher: 'change' };
const LOOP = 'setImmediate';
/** After so many turns a loop is no part of the initialisation, which may well load a few files by such. */
const TURNS = 100;
/** Turns seen, by function. @type {Map<number, number>} */
const turns = new Map();

/** @typedef {{type: string, trigger: number, kind: string | undefined}} Cause what runs, and the number of its name */
/** @type {WeakMap<Function, Cause>} */
const causes = new WeakMap();
/** @type {Map<string, Cause>} */
const causesByType = new Map();

/** @param {any} resource @param {Link | undefined} store @returns {Cause} */
function causeOf(resource, store) {
  const maker = resource.constructor;
  const known = causes.get(maker);
  if (known !== undefined) return known;
  const own = typeOf(resource, maker);
  // Newer engines carry the context of promises themselves, so that no resource stands for a reaction.
  const type = own || (store === undefined ? '' : 'PROMISE');
  let cause = causesByType.get(type);
  if (cause === undefined) {
    cause = { type, trigger: state.spool.string(type), kind: KINDS[type] };
    causesByType.set(type, cause);
  }
  if (own !== '' && maker !== Object) causes.set(maker, cause);
  return cause;
}

/** @param {any} resource @param {any} maker @returns {string} */
function typeOf(resource, maker) {
  if (maker === Promise) return 'PROMISE';
  if (typeof maker !== 'function') return '';
  if (maker === Object) return 'callback' in resource ? 'TickObject' : '';
  // A client's response is named like a server's request by Node; it is no outside event.
  if (maker.name === 'HTTPClientAsyncResource') return 'HTTPCLIENTREQUEST';
  return typeof resource.type === 'string' && maker.name.endsWith('AsyncResource') ? resource.type : maker.name;
}

const time = performance.now.bind(performance);

/** An invocation with an empty stack below it begins. @param {import('./frames.js').Frame} frame */
function begin(frame) {
  const resource = executionAsyncResource();
  frame.turn = executionAsyncId();
  const store = look(frame, resource);
  const init = (frame.flags & 3) === 3;
  if (init && (store === undefined || store.chain === initChain)) {
    if (initChain === null) initChain = new Chain(frame.id, 'init', 'init', time());
    frame.chain = initChain;
    frame.parent = store === undefined ? 0 : store.id;
    place(frame);
    return;
  }
  const { type, trigger, kind } = causeOf(resource, store);
  frame.trigger = trigger;
  if (continues(store, kind, resource, frame.fid)) {
    frame.chain = /** @type {Link} */ (store).chain;
    frame.parent = /** @type {Link} */ (store).id;
  } else {
    const name = kind === 'immediate' ? 'timer' : kind ?? 'other';
    const chain = new Chain(frame.id, name, eventOf(kind, type, resource), time());
    frame.chain = chain;
    if (state.inInit) endInit();
  }
  if (kind === 'http') request(frame, requestOf(resource));
  place(frame);
}

/**
 * Whether an invocation belongs to the chain that its store names.
 * @param {Link | undefined} store @param {string | undefined} kind @param {any} resource @param {number} fid
 */
function continues(store, kind, resource, fid) {
  if (store === undefined) return false;
  if (kind === 'timer') {
    return store.chain !== initChain && store.chain.kind !== 'timer' && resource._repeat === null;
  }
  if (kind === 'immediate') return (store.chain !== initChain && store.chain.event !== LOOP) || !goesOn(fid);
  return kind === undefined || store.chain !== initChain;
}

/** Whether a function that an immediate calls is a loop. @param {number} fid */
function goesOn(fid) {
  const count = (turns.get(fid) ?? 0) + 1;
  if (count <= TURNS) turns.set(fid, count);
  return count > TURNS;
}

/** @param {string | undefined} kind @param {string} type @param {any} resource */
function eventOf(kind, type, resource) {
  if (kind === 'timer') return resource._repeat === null ? 'setTimeout' : 'setInterval';
  if (kind === 'immediate') return LOOP;
  return EVENTS[type] ?? type;
}

/** @param {any} resource */
function requestOf(resource) {
  const socket = resource.socket;
  return socket?._httpMessage?.req ?? socket?.parser?.incoming ?? null;
}

/**
 * An invocation that serves a request: it starts the request's chain, or belongs to it.
 * @param {import('./frames.js').Frame} frame @param {any} message
 */
function request(frame, message) {
  if (message === null || !message.method) return;
  if (!starts(frame, message, message.method, message.url)) return;
  // Later events of this request come from the same resource, so the store stays in place.
  frame.restore = false;
  if (!contextStaysWithResource()) followParser(message.socket?.parser);
}

/**
 * Whether an invocation is the first one of a request, whose chain it then starts.
 * @param {import('./frames.js').Frame} frame @param {object} key of the request @param {unknown} method @param {unknown} url
 */
function starts(frame, key, method, url) {
  const known = Requests.get(key);
  if (known !== undefined) {
    if (frame.chain !== known.chain) {
      frame.chain = known.chain;
      frame.parent = known.id;
    }
    return false;
  }
  const event = `${method} ${pathPattern(String(url))}`;
  if (frame.chain.id !== frame.id || frame.chain.written) frame.chain = new Chain(frame.id, 'http', event, time());
  frame.chain.kind = 'http';
  frame.chain.event = event;
  frame.parent = 0;
  Requests.set(key, new Carrier(frame.id, frame.chain));
  if (state.inInit) endInit();
  return true;
}

/**
 * The stream of HTTP/2 that an invocation is given, as a request or by itself with its headers; nothing of its resource
 * tells, because Node calls for each from a queue of its own.
 * @param {import('./frames.js').Frame} frame @param {ArrayLike<any>} args @returns {boolean} whether there is one
 */
function requestOfStream(frame, args) {
  const value = args[0];
  const headers = args[1];
  if (typeof value !== 'object' || value === null || types.isProxy(value)) return false;
  const maker = Reflect.getOwnPropertyDescriptor(Object.getPrototypeOf(value) ?? {}, 'constructor')?.value;
  if (maker?.name === 'Http2ServerRequest' && typeof value.stream === 'object') {
    starts(frame, value.stream, value.method, value.url);
    return true;
  }
  if (maker?.name !== 'ServerHttp2Stream') return false;
  // A listener may leave the headers out.
  const named = typeof headers === 'object' && headers !== null;
  if (named || Requests.get(value) !== undefined) starts(frame, value, headers?.[':method'], headers?.[':path']);
  return named || Requests.get(value) !== undefined;
}

/**
 * Let the later events of requests, and all that libraries start in them, run in the context of the request: the body
 * and its end come from the parser, which is older than the request.
 * @param {any} parser
 */
function followParser(parser) {
  if (typeof parser !== 'object' || parser === null || parsers.has(parser)) return;
  parsers.add(parser);
  const { kOnBody, kOnMessageComplete } = parser.constructor;
  for (const event of [kOnBody, kOnMessageComplete]) {
    const handle = parser[event];
    if (typeof handle !== 'function') continue;
    /** @this {any} @param {...unknown} args */
    parser[event] = function (...args) {
      const link = this.incoming ? Requests.get(this.incoming) : undefined;
      if (link === undefined) return Reflect.apply(handle, this, args);
      return run(link, () => Reflect.apply(handle, this, args));
    };
  }
}

/**
 * The arguments of an invocation without a parent on the stack are known: a request among them names the chain. If none
 * does, it may be a function that a library kept in a queue of its own, and now calls in the context of another chain.
 * @param {import('./frames.js').Frame} frame @param {ArrayLike<unknown>} args @param {Link | null} maker what made the
 *   function
 */
function inspect(frame, args, maker) {
  const before = frame.chain;
  const known = requestAmong(args);
  if (known !== null) request(frame, known);
  else if (
    !requestOfStream(frame, args) && maker !== null && maker.chain !== before && maker.chain !== initChain
    && (frame.parent !== 0 || before.kind === 'other')
  ) {
    frame.chain = maker.chain;
    frame.parent = maker.id;
  }
  if (frame.chain !== before) place(frame);
}

/** @param {ArrayLike<unknown>} args an array, or the object that a function calls `arguments` @returns {any} null for none */
function requestAmong(args) {
  for (let index = 0; index < args.length; index++) {
    const message = findRequest(args[index]);
    if (message !== null && message.method) return message;
  }
  return null;
}

/** The link of the running invocation, for the functions that it makes. @returns {Link | null} */
function current() {
  const { frame } = state;
  if (frame === null) return null;
  // A call that could become a kernel has none, and may turn out to be a part of its function.
  return frame.link ?? new Carrier(frame.parent, frame.chain);
}

/** @param {any} value */
function findRequest(value) {
  if (value === null || typeof value !== 'object' || types.isProxy(value)) return null;
  if (value instanceof IncomingMessage) return value;
  // A context object of a framework that wraps the request.
  for (const name of ['req', 'raw']) {
    const inner = Reflect.getOwnPropertyDescriptor(value, name)?.value;
    if (typeof inner === 'object' && inner !== null && !types.isProxy(inner) && inner instanceof IncomingMessage) return inner;
  }
  return null;
}

/** @param {import('./frames.js').Frame} frame @param {import('./frames.js').Frame} up */
function descend(frame, up) {
  frame.chain = up.chain;
  frame.parent = up.as || up.id;
  lookWithin(frame, up);
  place(frame);
}

/** A further segment of an async function begins. @param {import('./frames.js').Frame} frame */
function reenter(frame) {
  lookAgain(frame);
  frame.restore = frame.up !== null;
  place(frame);
}

/** @param {import('./frames.js').Frame} frame */
function place(frame) {
  let { link } = frame;
  if (link !== null && link.id === frame.id) link.chain = frame.chain;
  else link = frame.link = new Carrier(frame.id, frame.chain);
  enter(link, frame.resource);
}

/** @param {Chain} chain */
function writeChain(chain) {
  chain.written = true;
  const { spool } = state;
  spool.chain(chain.id, spool.string(chain.kind), spool.string(chain.event), chain.start);
}

let promise = -1;
function promiseTrigger() {
  if (promise < 0) promise = state.spool.string('PROMISE');
  return promise;
}

/** @type {() => void} */
let whenInitEnds = () => {};

/** @param {() => void} listener called once, before the first chain begins */
function onInitEnd(listener) {
  whenInitEnds = listener;
}

function endInit() {
  state.inInit = false;
  if (state.initEnd === 0) state.initEnd = time();
  state.spool.line({ t: 'init', end: state.initEnd });
  whenInitEnds();
}

/** Whether a chain is the initialisation. @param {Chain} chain */
const isInit = (chain) => chain === initChain;

module.exports = {
  Chain, NO_CHAIN, begin, descend, reenter, inspect, place, writeChain, promiseTrigger, current, onInitEnd, isInit,
};
