'use strict';
const $pt = require('@pipetrace/runtime').file('app.js');
const fs = require('fs'), path = require('path'), http = require('http');
const handler = $pt.handler('app.js#http', (req, res) => {
  const url = new URL(req.url, 'http://x');
  if (url.pathname === '/a') {
    res.setHeader('X-A', ['1', '2']);
    res.end('a' + url.searchParams.get('x') + req.headers['x-h'] + req.headers.cookie + JSON.stringify(req.rawHeaders) + req.socket.remoteAddress);
  } else if (url.pathname === '/stream') fs.createReadStream(path.join(__dirname, 'big.txt')).pipe(res);
  else if (url.pathname === '/body') {
    let text = '';
    req.setEncoding('utf8');
    req.on('data', (chunk) => { text += chunk; });
    req.on('end', () => res.end(text.length + 'b' + req.complete));
  } else if (url.pathname === '/trailers') {
    res.writeHead(200, {Trailer: 'X-T'});
    res.write('x');
    res.addTrailers({'X-T': 'end'});
    res.end();
  } else if (url.pathname === '/early') {
    res.writeEarlyHints({link: '</a.css>; rel=preload'});
    res.end('late');
  } else {
    res.statusCode = 404;
    res.statusMessage = 'Nope';
    res.end();
  }
});
const server = http.createServer(handler);
server.listen(0, () => console.log('port ' + server.address().port));
