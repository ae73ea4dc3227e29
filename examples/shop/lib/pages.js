'use strict';

// Pages written in Markdown: stored ones are cached, previews are rendered anew.

const fs = require('node:fs/promises');
const path = require('node:path');
const express = require('express');
const MarkdownIt = require('markdown-it');
const highlighter = require('highlight.js');

const folder = path.join(__dirname, '..', 'content');
const markdown = new MarkdownIt({
  html: false,
  linkify: true,
  typographer: true,
  highlight: (code, language) => {
    if (!highlighter.getLanguage(language)) return '';
    return highlighter.highlight(code, { language }).value;
  },
});
const cache = new Map();

const layout = (title, body) =>
  `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${title}</title></head>\n<body>\n${body}</body></html>\n`;

// Async, so that callers need not change should rendering ever move to another thread.
async function renderPage(title, text) {
  return layout(title, markdown.render(text));
}

const router = express.Router();

// Shares `cache` with DELETE /cache: stays with it. Its heavy part, renderPage, does not.
router.get('/pages/:name', async (req, res, next) => {
  const name = path.basename(req.params.name);
  let page = cache.get(name);
  if (page === undefined || req.query.fresh !== undefined) {
    let text;
    try {
      text = await fs.readFile(path.join(folder, `${name}.md`), 'utf8');
    } catch {
      next();
      return;
    }
    page = await renderPage(name, text);
    cache.set(name, page);
  }
  res.type('html').send(page);
});

router.delete('/cache', (req, res) => {
  const size = cache.size;
  cache.clear();
  res.json({ dropped: size });
});

// Milliseconds of CPU and no state: can run anywhere.
router.post('/preview', express.text({ type: '*/*', limit: '2mb' }), (req, res) => {
  const title = req.get('x-title') ?? 'Preview';
  res.type('html').send(layout(title, markdown.render(req.body)));
});

module.exports = { router };
