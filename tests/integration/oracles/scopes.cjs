// @ts-check
'use strict';

/**
 * Reads `{path, text, goal}[]` as JSON from the file named first, and prints, for each, what eslint-scope says:
 * references as [start, resolved declaration | null, 'r'|'w'|'rw', init] and, for each function by the start
 * of its node, the declarations of the variables that it takes from outside. Offsets are UTF-16.
 */

const fs = require('node:fs');
const acorn = require('acorn');
const { analyze } = require('eslint-scope');

/** @param {any} variable */
function declaration(variable) {
  if (!variable || variable.defs.length === 0) return null;
  return Math.min(...variable.defs.map((/** @type {any} */ definition) => definition.name.start));
}

/** @param {any} block */
function functionKey(block) {
  return `${block.type === 'Program' ? 'module' : block.start}`;
}

/** @param {{path: string, text: string, goal: 'script' | 'module'}} file */
function analyse(file) {
  const tree = acorn.parse(file.text, {
    ecmaVersion: 'latest',
    sourceType: file.goal,
    allowReturnOutsideFunction: file.goal === 'script',
    allowHashBang: true,
    ranges: true,
  });
  const manager = analyze(/** @type {any} */ (tree), {
    ecmaVersion: 2022,
    sourceType: file.goal === 'module' ? 'module' : 'commonjs',
    childVisitorKeys: undefined,
    fallback: 'iteration',
  });
  /** @type {[number, number | null, string, boolean][]} */
  const references = [];
  /** @type {Record<string, number[]>} */
  const captures = {};
  const own = ['function', 'class-field-initializer', 'class-static-block'];
  for (const scope of manager.scopes) {
    for (const reference of scope.references) {
      const mode = reference.isReadWrite() ? 'rw' : reference.isWrite() ? 'w' : 'r';
      references.push([
        /** @type {any} */ (reference.identifier).start,
        declaration(reference.resolved),
        mode,
        Boolean(reference.init),
      ]);
    }
    // The module function of CommonJS has the Program for its block; nothing is outside of it.
    if (!own.includes(scope.type) || scope.block.type === 'Program') continue;
    const found = new Set();
    for (const reference of scope.through) {
      const start = declaration(reference.resolved);
      const variable = /** @type {any} */ (reference.resolved);
      if (start !== null && variable.scope.block !== scope.block) found.add(start);
    }
    captures[functionKey(scope.block)] = [...found].sort((a, b) => a - b);
  }
  return { references, captures };
}

const files = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
process.stdout.write(JSON.stringify(files.map(analyse)));
