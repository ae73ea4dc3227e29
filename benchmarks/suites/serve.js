'use strict';

// Serves one of the applications that a package ships as examples, whatever port it would choose itself.

const http = require('node:http');
const path = require('node:path');

const app = require(path.resolve(__dirname, process.argv[2]));
http.createServer(app).listen(Number(process.env.PORT || 0), '127.0.0.1');
