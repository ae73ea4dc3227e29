const session = require('http2').connect(`http://127.0.0.1:${process.argv[2]}`);
session.on('error', () => {});
const ask = (path) => new Promise((done) => { session.request({ ':path': path }).resume().on('end', done).on('error', done); });
ask('/a').then(() => ask('/b')).then(() => session.close());
