'use strict';

// Traps about the process itself: errors that nobody catches, exit, signals. The last request ends it.

const express = require('express');

const app = express();
app.disable('x-powered-by');
const seen = [];
process.on('uncaughtException', (error) => {
  seen.push(`uncaught ${error.constructor.name} ${error.message} ${error.code}`);
});
process.on('unhandledRejection', (error) => {
  seen.push(`unhandled ${error && error.constructor ? error.constructor.name : typeof error} ${error && error.message}`);
});
process.on('warning', (warning) => {
  seen.push(`warning ${warning.name} ${warning.message}`);
});
for (const trap of ['late-throw', 'rejections', 'facts', 'hidden-secret', 'final-exit']) app.use(`/${trap}`, require(`./${trap}`));
app.get('/seen', (req, res) => {
  res.json(seen.splice(0));
});
app.listen(Number(process.argv[2]), '127.0.0.1');
process.on('exit', (code) => console.log(`exit ${code}`));
