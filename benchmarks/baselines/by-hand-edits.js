// @ts-check
'use strict';

// What a developer would change by hand to move an application's hot functions to a piscina pool: for each file,
// edits of its text, and the functions that run in the pool. `onPool(name, ...args)` runs one there.

/**
 * @typedef {{edits: [string, string][], tasks: Record<string, string>}} FileEdits
 * `tasks`: name → source of a function, evaluated at the end of the module in the pool's threads.
 */

/** @type {Record<string, FileEdits>} */
module.exports = {
  'shop/lib/pages.js': {
    edits: [
      ['return layout(title, markdown.render(text));', "return layout(title, await onPool('render', text));"],
      ["limit: '2mb' }), (req, res) => {", "limit: '2mb' }), async (req, res) => {"],
      ['layout(title, markdown.render(req.body))', "layout(title, await onPool('render', req.body))"],
    ],
    tasks: { render: '(text) => markdown.render(text)' },
  },
  'shop/lib/accounts.js': {
    edits: [
      ["'/sign-in', express.json(), (req, res) => {", "'/sign-in', express.json(), async (req, res) => {"],
      [
        'bcrypt.compareSync(String(req.body.password), account.hash)',
        "await onPool('compare', String(req.body.password), account.hash)",
      ],
    ],
    tasks: { compare: '(password, hash) => bcrypt.compareSync(password, hash)' },
  },
  'shop/lib/images.js': {
    edits: [
      ['fs.readFile(file, (err, data) => {', 'fs.readFile(file, async (err, data) => {'],
      [
        "const thumbnail = shrink(PNG.sync.read(data), width);\n    res.type('png').send(PNG.sync.write(thumbnail));",
        "const thumbnail = await onPool('thumbnail', data, width);\n    res.type('png').send(Buffer.from(thumbnail));",
      ],
    ],
    tasks: { thumbnail: '(data, width) => PNG.sync.write(shrink(PNG.sync.read(Buffer.from(data)), width))' },
  },
  'markserv/lib/server.js': {
    edits: [
      [
        'const markdownToHTML = markdownText => new Promise((resolve, reject) => {',
        "const markdownToHTML = markdownText => onPool('toHTML', markdownText)\n"
          + 'const markdownToHTMLHere = markdownText => new Promise((resolve, reject) => {',
      ],
      [
        'getFile(templateUrl).then(source => {\n\t\tconst template = handlebars.compile(source)\n'
          + '\t\tconst output = template(handlebarData)\n',
        'getFile(templateUrl).then(async source => {\n\t\tconst output = await onPool(\'fill\', source, handlebarData)\n',
      ],
    ],
    tasks: {
      toHTML: '(text) => md.render(text)',
      fill: '(source, data) => handlebars.compile(source)(data)',
    },
  },
};
