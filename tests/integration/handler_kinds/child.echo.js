process.on('message', function asked(n) { process.send(n); });
