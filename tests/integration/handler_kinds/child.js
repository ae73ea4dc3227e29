'use strict';
const child = require('child_process').fork(__filename.replace('child.js', 'child.echo.js'));
child.on('message', function answered(n) { if (n === 2) child.disconnect(); else child.send(n + 1); });
child.on('exit', function ended() {});
child.send(1);
