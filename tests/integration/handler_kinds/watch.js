'use strict';
const fs = require('fs');
const path = require('path');
const folder = fs.mkdtempSync(path.join(require('os').tmpdir(), 'kinds-'));
const watcher = fs.watch(folder, function changed() { watcher.close(); });
setTimeout(function write() { fs.writeFileSync(path.join(folder, 'f'), 'x'); }, 20);
