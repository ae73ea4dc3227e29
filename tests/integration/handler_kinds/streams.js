'use strict';
const { pipeline, Transform, Readable, Writable } = require('stream');
setTimeout(function begin() {
  pipeline(
    Readable.from(['a', 'b']),
    new Transform({ transform(chunk, encoding, done) { setImmediate(function changed() { done(null, chunk); }); } }),
    async function* count(source) { for await (const each of source) yield each; },
    new Writable({ write(chunk, encoding, done) { done(); } }),
    function finished() {},
  );
}, 1);
