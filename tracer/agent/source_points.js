// @ts-check
'use strict';

/**
 * A process of its own: reads `[{text, map}, …]` (JSON) from standard input and prints for each how positions in the
 * text lead to those in its sources, by Node's own decoder of source maps:
 * `{sources, points: [line, column, index of the source, its line, its column, …]}` with lines and columns from 0, a
 * point wherever another one begins, or `{error}`.
 */

const fs = require('fs');
const { SourceMap } = require('module');

const WORD = /[\w$\u0080-\uffff]+|[^\s\w$]/g;
const LINE = /\r\n|[\n\r\u2028\u2029]/;

/** @param {string} text @param {any} map */
function points(text, map) {
  const decoded = new SourceMap(map);
  /** @type {string[]} */
  const sources = [];
  /** @type {Map<string, number>} */
  const known = new Map();
  /** @type {number[]} */
  const found = [];
  let before = '';
  text.split(LINE).forEach((content, line) => {
    for (const word of content.matchAll(WORD)) {
      const entry = /** @type {any} */ (decoded.findEntry(line, word.index));
      if (typeof entry.originalSource !== 'string' || entry.generatedLine !== line) continue;
      const mark = `${line} ${entry.generatedColumn}`;
      if (mark === before) continue;
      before = mark;
      let source = known.get(entry.originalSource);
      if (source === undefined) {
        known.set(entry.originalSource, (source = sources.length));
        sources.push(entry.originalSource);
      }
      found.push(line, word.index, source, entry.originalLine, entry.originalColumn);
    }
  });
  if (!found.every(Number.isSafeInteger)) throw new Error('its positions are no numbers');
  return { sources, points: found };
}

const requests = JSON.parse(fs.readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(requests.map((/** @type {any} */ request) => {
  try {
    return points(request.text, request.map);
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
})));
