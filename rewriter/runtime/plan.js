// @ts-check
/** The plan, as far as the runtime needs it: which handler runs on which stage, and who owns what. */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { errors } = require('./errors.js');

/**
 * @typedef {{id: string, key?: string, name?: string, stage: string, decision: string, form?: string, returns?: string, cpu_us?: number}} PlanHandler
 * @typedef {{id: string, replicas: number, owns: string[]}} PlanStage
 * @typedef {{entry: string, app_root?: string, files?: {path: string, sha256: string, loaded?: string}[]}} Staged
 */

class Plan {
  /** @param {any} json content of plan.json @param {Staged} staged content of staged.json */
  constructor(json, staged) {
    this.entry = staged.entry;
    /** Directory of the application that was recorded. */
    this.original = staged.app_root;
    /** Files that are loaded with guards, and the hash of what stands there. */
    this.guarded = (staged.files || []).filter((file) => file.loaded);
    /** @type {Map<string, PlanHandler>} moved handlers by id */
    this.moved = new Map();
    for (const handler of json.handlers || []) {
      if (handler.decision === 'moved' && handler.stage !== 'entry') this.moved.set(handler.id, handler);
    }
    /** @type {Map<string, PlanStage>} */
    this.stages = new Map();
    for (const stage of json.stages || []) {
      this.stages.set(stage.id, { id: stage.id, replicas: stage.replicas || 1, owns: stage.owns || [] });
    }
    for (const handler of this.moved.values()) {
      if (!this.stages.has(handler.stage)) this.stages.set(handler.stage, { id: handler.stage, replicas: 1, owns: [] });
    }
    /** @type {Map<string, string>} stage that owns a location */
    this.owners = new Map();
    /** @type {Set<string>} what is state: only where it lives anybody may touch it */
    this.tied = new Set();
    for (const state of json.state || []) {
      this.owners.set(state.id, state.owner);
      if (state.class === 'state' || state.class === 'resource') this.tied.add(state.id);
    }
    /** @type {Map<string, Set<PropertyKey>>} properties of guarded objects that every stage may read */
    this.reads = new Map();
    for (const guard of json.guards || []) {
      this.owners.set(guard.location, guard.owner);
      this.tied.add(guard.location);
      if (guard.reads && guard.reads.length > 0) this.reads.set(guard.location, new Set(guard.reads));
    }
    /** @type {Map<string, string[]>} moved handlers that may use something that nothing was seen to change */
    this.constants = new Map();
    /** @type {Map<string, string>} names of those that are no module's, but were captured by what the start made */
    this.captured = new Map();
    for (const constant of json.constants || []) {
      this.constants.set(constant.location, constant.handlers);
      if (/@\d+$/.test(constant.location)) this.captured.set(constant.location, constant.name);
    }
    /** @type {Map<string, string>} stage of a source */
    this.sources = new Map();
    for (const source of json.sources || []) this.sources.set(source.handler, source.stage);
  }

  /** @returns {PlanStage[]} stages other than the entry that have at least one moved handler */
  workingStages() {
    const used = new Set([...this.moved.values()].map((handler) => handler.stage));
    return [...this.stages.values()].filter((stage) => used.has(stage.id));
  }

  /** @param {string} stage @returns {boolean} true if state lives there, so that its handlers may run nowhere else */
  ownsState(stage) {
    const found = this.stages.get(stage);
    if (found && found.owns.length > 0) return true;
    for (const owner of this.owners.values()) if (owner === stage) return true;
    return false;
  }

  /** @param {string} location @returns {string} */
  ownerOf(location) {
    return this.owners.get(location) || 'entry';
  }
}

/**
 * @param {string} root the staged directory
 * @returns {Plan | null} null if there is no staged application here
 * @throws {Error} one sentence, if the files are there but cannot be read
 */
function loadPlan(root) {
  const planFile = path.join(root, '.pipetrace', 'plan.json');
  const stagedFile = path.join(root, '.pipetrace', 'staged.json');
  if (!fs.existsSync(planFile) || !fs.existsSync(stagedFile)) return null;
  try {
    return new Plan(JSON.parse(fs.readFileSync(planFile, 'utf8')), JSON.parse(fs.readFileSync(stagedFile, 'utf8')));
  } catch (error) {
    throw errors.badPlan(planFile, error instanceof Error ? error.message : String(error));
  }
}

/**
 * Replicas per stage, after PIPETRACE_REPLICAS ('3' for every stage without state, or 'stage1=3,stage2=1').
 * @param {Plan} plan @param {string | undefined} override
 * @returns {Map<string, number>}
 */
function replicaCounts(plan, override) {
  const counts = new Map(plan.workingStages().map((stage) => [stage.id, stage.replicas]));
  for (const part of (override || '').split(',').map((text) => text.trim()).filter(Boolean)) {
    const [left, right] = part.split('=');
    for (const id of counts.keys()) {
      const wanted = Number(right === undefined ? left : right);
      if ((right === undefined || left === id) && Number.isInteger(wanted) && wanted >= 0) {
        counts.set(id, plan.ownsState(id) ? Math.min(wanted, 1) : wanted);
      }
    }
  }
  return counts;
}

module.exports = { Plan, loadPlan, replicaCounts };
