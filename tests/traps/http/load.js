'use strict';

const http = require('node:http');
const net = require('node:net');
const zlib = require('node:zlib');
const { Readable } = require('node:stream');

const gets = (...paths) => async (talk) => {
  for (const path of paths) await talk.get(path);
};

function letters(size) {
  let left = size;
  return new Readable({
    read() {
      if (left <= 0) {
        this.push(null);
        return;
      }
      const length = Math.min(left, 16_384);
      left -= length;
      this.push(Buffer.alloc(length, 97 + (left % 26)));
    },
  });
}

module.exports = {
  'write-order': gets('/parts', '/helper', '/timed'),
  next: gets('/after', '/before', '/twice', '/route'),
  'next-order': gets('/'),
  throwing: gets('/sync', '/async', '/next', '/class', '/string', '/reaction', '/promise'),
  'error-middleware': gets('/', '/pass', '/handled'),
  streams: async (talk) => {
    for (const path of ['/file', '/generated', '/pipeline', '/missing', '/from']) await talk.get(path);
    await talk.post('/gzip', letters(100_000));
    await talk.post('/echo', letters(50_000));
    await talk.post('/upper', 'some text');
  },
  uploads: async (talk) => {
    await talk.post('/count', letters(300_000));
    await talk.post('/count', '');
    await talk.post('/json', '{"a":[1,2]}', { headers: { 'Content-Type': 'application/json' } });
    await talk.post('/json', '{"a":', { headers: { 'Content-Type': 'application/json' } });
    await talk.post('/form', 'a=1&b=2&b=3', { headers: { 'Content-Type': 'application/x-www-form-urlencoded' } });
    await talk.post('/lines', 'one\ntwo\nthree');
    await talk.post('/late', 'read only after a while');
    await talk.post('/unread', 'nobody reads this');
  },
  events: async (talk) => {
    await talk.get('/stream');
    await talk.get('/many');
  },
  bodiless: async (talk) => {
    for (const path of ['/none', '/reset']) await talk.get(path);
    await talk.tell('HEAD', '/page');
    const { headers } = await talk.get('/page');
    const tag = headers.find(([name]) => name.toLowerCase() === 'etag')[1];
    await talk.get('/page', { headers: { 'If-None-Match': tag } });
    await talk.tell('OPTIONS', '/page');
  },
  trailers: gets('/'),
  continue: async (talk) => {
    const body = 'x'.repeat(10);
    talk.log(await talk.raw(`POST /continue/take HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 10\r\nConnection: close\r\n\r\n${body}`));
    talk.log(await talk.raw('POST /continue/refuse HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 10\r\nConnection: close\r\n\r\n'));
  },
  status: gets('/teapot', '/message', '/written', '/array', '/informational'),
  cookies: async (talk) => {
    await talk.get('/set');
    await talk.get('/read', { headers: { Cookie: 'a=1; b=two%20words; signed=s%3Avalue.bad' } });
    await talk.get('/clear');
  },
  locals: gets('/user', '/changed'),
  'left-behind': gets('/signed?key=1', '/wrong?key=2', '/signed?key=3', '/report?key=4'),
  aborts: async (talk) => {
    await new Promise((resolve) => {
      const socket = net.connect(talk.port, '127.0.0.1', () => socket.write('GET /aborts/wait HTTP/1.1\r\nHost: h\r\n\r\n'));
      let dots = 0;
      socket.on('data', (data) => {
        dots += String(data).split('.').length - 1;
        if (dots < 3) return;
        socket.destroy();
        resolve();
      });
    });
    await talk.until('/closed', (text) => text === String(talk.round + 1));
    await talk.get('/closed');
  },
  finish: async (talk) => {
    await talk.get('/');
    await talk.until('/log', (text) => text.includes('finished'));
    await talk.get('/log');
    await talk.get('/morgan');
    await talk.until('/lines', (text) => text.includes('/morgan'));
    await talk.get('/lines');
  },
  compressed: async (talk) => {
    const answer = await talk.ask('GET', '/', { headers: { 'Accept-Encoding': 'gzip' } });
    talk.log(answer.headers.filter(([name]) => /encoding|vary|type/i.test(name)), zlib.gunzipSync(answer.body).toString().slice(0, 60), String(answer.body.length > 10));
    await talk.get('/small', { headers: { 'Accept-Encoding': 'gzip' } });
    const streamed = await talk.ask('GET', '/streamed', { headers: { 'Accept-Encoding': 'gzip' } });
    talk.log(zlib.gunzipSync(streamed.body).toString());
  },
  multipart: async (talk) => {
    const edge = 'edge-of-the-part';
    const part = (name, more, text) => `--${edge}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${text}\r\n`;
    const file = part('file', '; filename="a.txt"\r\nContent-Type: text/plain', 'x'.repeat(40_000));
    const headers = { 'Content-Type': `multipart/form-data; boundary=${edge}` };
    await talk.post('/', `${part('title', '', 'a title')}${file}--${edge}--\r\n`, { headers });
    await talk.post('/', `${part('wrong', '; filename="b.txt"', 'y')}--${edge}--\r\n`, { headers });
  },
  sessions: async (talk) => {
    talk.tidy = (line) => line.replace(/connect\.sid=[^;]+/g, 'connect.sid=…').replace(/Expires=[^;]+/g, 'Expires=…');
    let cookie = '';
    for (const path of ['/visit', '/visit', '/name/ann', '/visit', '/destroy', '/visit']) {
      const answer = await talk.get(path, { headers: cookie ? { Cookie: cookie } : {} });
      if (answer.cookies.length > 0) cookie = answer.cookies[0].split(';')[0];
    }
  },
  'sign-in': async (talk) => {
    talk.tidy = (line) => line.replace(/traps\.sid=[^;]+/g, 'traps.sid=…');
    let cookie = '';
    const headers = () => ({ 'Content-Type': 'application/x-www-form-urlencoded', ...(cookie ? { Cookie: cookie } : {}) });
    await talk.get('/me');
    await talk.post('/login', 'username=ann&password=wrong', { headers: headers() });
    const answer = await talk.post('/login', 'username=ann&password=right', { headers: headers() });
    if (answer.cookies && answer.cookies.length > 0) cookie = answer.cookies[0].split(';')[0];
    await talk.get('/me', { headers: headers() });
    await talk.post('/logout', '', { headers: headers() });
    await talk.get('/me', { headers: headers() });
  },
  'keep-alive': async (talk) => {
    const ask = (path, more = '') => `GET /keep-alive/${path} HTTP/1.1\r\nHost: h\r\n${more}\r\n`;
    talk.log(await talk.raw(ask('slow') + ask('fast') + ask('slow') + ask('fast', 'Connection: close\r\n')));
    talk.log(await talk.raw(ask('slow').replace('1.1', '1.0')));
    talk.log(await talk.raw('NONSENSE\r\n\r\n'));
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    await talk.together(['/slow', '/fast', '/chunked', '/fast'], { agent });
    agent.destroy();
  },
  large: async (talk) => {
    const answer = await talk.ask('GET', '/download');
    talk.log(answer.status, answer.error || answer.body.length);
    const slow = await talk.ask('GET', '/download', {
      onResponse(response) { response.pause(); setTimeout(() => response.resume(), 30); },
    });
    talk.log(slow.status, slow.error || slow.body.length);
    await talk.post('/upload', letters(8_000_000));
  },
  late: async (talk) => {
    await talk.get('/after-end');
    await talk.until('/settled', (text) => text === 'true');
    for (const path of ['/twice', '/header', '/timer']) await talk.get(path);
  },
  headers: async (talk) => {
    for (const path of ['/multi', '/case', '/remove', '/raw', '/flush', '/invalid']) await talk.get(path, { headers: { 'X-Many': ['1', '2'], 'X-Case': 'Ä' } });
    await talk.get('/forwarded', { headers: { Host: 'example.org:81', 'X-Forwarded-For': '10.0.0.1', Accept: 'text/html', 'Accept-Language': 'de, en;q=0.5' } });
  },
  formats: async (talk) => {
    for (const path of ['/json', '/html', '/buffer', '/type', '/send-file', '/download', '/redirect', '/attachment', '/jsonp?callback=go', '/links', '/range']) {
      await talk.get(path, path === '/range' ? { headers: { Range: 'bytes=2-5' } } : {});
    }
    talk.tidy = (line) => line.replace(/Last-Modified: [^;]+;/g, '');
    await talk.get('/format', { headers: { Accept: 'application/json' } });
    await talk.get('/format', { headers: { Accept: 'text/html' } });
    await talk.get('/format', { headers: { Accept: 'image/png' } });
  },
  params: gets('/user/7', '/user/8/posts/9', '/query?a=1&b[]=2&b[]=3&c[d]=4', '/optional', '/optional/x', '/bad/%E0%A4%A'),
  methods: async (talk) => {
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) await talk.tell(method, '/thing');
    await talk.get('/all');
  },
  many: gets('/all'),
  twice: async (talk) => {
    await talk.together(['/wait', '/now', '/now']);
  },
  'web-socket': async (talk) => {
    const { WebSocket } = require(require.resolve('ws', { paths: [process.env.TRAP_MODULES || process.cwd()] }));
    const got = await new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${talk.port}/web-socket`);
      const messages = [];
      socket.on('error', reject);
      socket.on('open', () => { for (const word of ['one', 'two', 'heavy', 'three']) socket.send(word); });
      socket.on('message', (data, binary) => {
        messages.push(binary ? data.length : String(data));
        if (messages.length === 5) socket.close(1000, 'enough');
      });
      socket.on('close', (code, reason) => resolve([...messages, code, String(reason)]));
    });
    talk.log(got);
  },
};
