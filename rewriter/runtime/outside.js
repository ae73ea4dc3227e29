// @ts-check
/**
 * When the start of the program is over, of the entry: with the first connection from outside. Until then it does what its
 * text says, and every stage does the same. A program that gets datagrams, of which nobody tells, or serves no connections
 * at all, is over with its start as soon as its modules are evaluated.
 */
'use strict';

const diagnostics = require('node:diagnostics_channel');
const { context } = require('./context.js');

const CONNECTION = 'net.server.socket';
const DATAGRAMS = 'udp.socket';
/** Marks a server of the runtime itself. */
const OWN = Symbol.for('pipetrace.own');

let untold = false;
/** @type {(() => void)[]} */
const waiting = [];

function over() {
  if (context.startOver) return;
  context.startOver = true;
  diagnostics.unsubscribe(CONNECTION, onConnection);
  diagnostics.unsubscribe(DATAGRAMS, onDatagrams);
  for (const tell of waiting) tell();
}

/** @param {any} message of a connection */
function onConnection({ socket }) {
  if (!(socket?.server && OWN in socket.server)) over();
}

function onDatagrams() {
  untold = true;
  if (context.initOver) over();
}

/** Of the entry, before the program runs. */
function watch() {
  diagnostics.subscribe(CONNECTION, onConnection);
  diagnostics.subscribe(DATAGRAMS, onDatagrams);
}

/** The modules are evaluated. */
function evaluated() {
  if (untold) over();
}

/** A moved handler is called. @param {boolean} serves the program listens for connections */
function called(serves) {
  if (!serves) over();
}

/** @param {() => void} tell called once the start is over */
function whenOver(tell) {
  waiting.push(tell);
}

module.exports = { watch, evaluated, called, whenOver };
