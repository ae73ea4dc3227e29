// @ts-check
/// <reference path="./globals.d.ts" />
/* eslint-disable no-undef -- the flags $pxs and $pxq are declared in globals.d.ts */
'use strict';

/**
 * The global functions that instrumented code calls, all named `$px` and a letter.
 *
 * They are global variables and no properties of the global object, so that programs do not find them there; and
 * global because function declarations of a cyclic import may run before their module's own text.
 */

const { state, problem } = require('./state.js');
const frames = require('./frames.js');
const iteration = require('./iteration.js');
const causality = require('./causality.js');
const memory = require('./memory.js');
const calls = require('./calls.js');
const opaque = require('./opaque.js');
const shapes = require('./shapes.js');
const ruptures = require('./ruptures.js');
const kernels = require('./kernels.js');
const models = require('./models.js');
const { declare } = require('./variables.js');
const { markReachable } = require('./reach.js');

/**
 * Head of an instrumented file.
 * @param {number} id @param {number} base @param {string} path @param {number[]} parents
 * @param {[string, number, number][]} variables @param {[number, string, number?][]} sites @param {[number, number][]} passes
 * @param {Record<string, () => unknown>} roots @param {[string, number, string][]} problems kind, line, sentence
 * @param {[[string, string][], any[]]} [links] imports and exports of a module
 * @param {[string, () => unknown][]} [imports] of packages: the package, and what reads the value
 */
function file(id, base, path, parents, variables, sites, passes, roots, problems, links, imports) {
  for (const [kind, line, text] of problems) problem(kind, id, line, text);
  state.files[id] = { id, base, path, parents, variables, sites, roots, links: links ?? [[], []], imports: imports ?? [] };
  const needed = base + parents.length;
  if (needed > state.parents.length) {
    const larger = new Int32Array(needed * 2).fill(-1);
    larger.set(state.parents);
    state.parents = larger;
  }
  parents.forEach((parent, index) => {
    state.parents[base + index] = parent < 0 ? -1 : base + parent;
  });
  for (const [caller, callee] of passes) state.passes.add((base + caller) * 0x1000000 + base + callee);
}

/**
 * Hands over what an invocation was called with.
 * @param {number | import('./frames.js').Frame} mark @param {unknown} self @param {unknown[]} args
 * @param {Record<string, () => unknown>} [captures] reads the captured variables
 * @param {import('./context.js').Link | null} [maker] of the function: what ran when it was made to be handed to a call
 */
function args(mark, self, args, captures, maker) {
  $pxq = 0;
  if (typeof mark === 'number') return;
  if (mark.up === null) causality.inspect(mark, args, maker ?? null);
  if (mark.wantsShape) shapes.noteCall(mark.fid, self, args, captures);
}

/** @type {Record<string, unknown>} */
const PROBES = {
  $pxs: 0,
  $pxq: 0,
  $pxE: frames.enter,
  $pxP: frames.enterPromise,
  $pxX: frames.exit,
  $pxA: frames.leave,
  $pxB: frames.resume,
  $pxC: frames.caught,
  $pxR: frames.returned,
  $pxY: frames.returnedAndExit,
  $pxJ: frames.firstOf,
  $pxM: frames.enterInit,
  $pxZ: frames.exitInit,
  $pxW: iteration.steps,
  $pxF: file,
  $pxQ: args,
  $pxU: causality.current,
  $pxg: memory.read,
  $pxG: memory.readIfSampled,
  $pxw: memory.write,
  $pxV: memory.writeIfSampled,
  $pxI: memory.iterate,
  $pxD: memory.destructure,
  $pxo: memory.implicit,
  $pxj: memory.imported,
  $pxe: memory.each,
  $pxn: memory.born,
  $pxN: memory.scope,
  $pxL: memory.lateScope,
  $pxv: memory.variable,
  $pxm: memory.moduleVariable,
  $pxk: calls.method,
  $pxK: calls.methodIfSampled,
  $pxf: calls.plain,
  $pxH: calls.plainIfSampled,
  $pxc: calls.construct,
  $pxS: kernels.method,
  $pxT: kernels.plain,
};

function install() {
  frames.observeShapes(shapes.wants, shapes.noteReturn);
  if (state.memory !== 'off') {
    models.build();
    memory.knowGlobals();
    frames.observeAwaits(opaque.awaited);
    causality.onInitEnd(markReachable);
  }
  state.spool.beforeFlush.push(memory.writeLocations, shapes.write, ruptures.write);
  set = declare(PROBES);
}

/** @type {(values: Record<string, unknown>) => void} */
let set = () => {};

/** Turn recording off; instrumented code goes on to run with probes that do nothing. */
function remove() {
  const nothing = () => -1;
  const second = (/** @type {unknown} */ mark, /** @type {unknown} */ value) => value;
  const third = (/** @type {unknown} */ mark, /** @type {number} */ kernel, /** @type {unknown} */ value) => value;
  set({
    ...PROBES, $pxs: 0, $pxq: 0,
    $pxE: nothing, $pxP: nothing, $pxX: nothing, $pxC: nothing, $pxQ: nothing, $pxF: nothing, $pxM: nothing, $pxZ: nothing,
    $pxU: () => null,
    $pxA: second, $pxB: second, $pxR: second, $pxY: second, $pxW: second, $pxS: third, $pxT: third,
  });
}

module.exports = { PROBES, install, remove };
