'use strict';

// Drives the traps of one application: `node client.js PORT LOAD ROUNDS [lasting | final]`. LOAD is a module that exports, for
// each trap, a function that asks for something and notes what of the answers counts. Each trap's transcript is printed as one
// line of JSON. A trap whose name begins with `final` ends the application, and is sprung once, after all others; `lasting` leaves it out,
// `final` asks for nothing else.

const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const zlib = require('node:zlib');

const TIMEOUT_MS = Number(process.env.TRAP_TIMEOUT_MS) || 240_000;
/** Headers that differ from run to run. */
const VARYING = new Set(['date']);

/** What a trap's client is given. */
class Talk {
  constructor(trap, port, round) {
    this.trap = trap;
    this.port = port;
    this.round = round;
    this.lines = [];
    this.agent = new http.Agent({ keepAlive: true });
    /** Applied to each line: takes out what is random by design. */
    this.tidy = (line) => line;
  }

  log(...words) {
    this.lines.push(this.tidy(words.map((word) => (typeof word === 'string' ? word : JSON.stringify(word))).join(' ')));
  }

  /** Sends one request and resolves to the answer, or to what went wrong. */
  ask(method, url, { body, headers = {}, port = this.port, agent = this.agent, onResponse, base = `/${this.trap}` } = {}) {
    return new Promise((resolve) => {
      const request = http.request({ host: '127.0.0.1', port, method, path: base + url, headers, agent });
      const failed = (error) => resolve({ error: error.code || error.message });
      request.on('error', failed);
      request.setTimeout(TIMEOUT_MS, () => request.destroy(Object.assign(new Error('no answer'), { code: 'NO_ANSWER' })));
      request.on('response', (response) => {
        if (onResponse) onResponse(response, request);
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', failed);
        response.on('end', () => resolve({
          status: response.statusCode,
          message: response.statusMessage,
          headers: pairs(response.rawHeaders).filter(([name]) => !VARYING.has(name.toLowerCase())),
          cookies: response.headers['set-cookie'] || [],
          trailers: pairs(response.rawTrailers),
          body: Buffer.concat(chunks),
        }));
      });
      if (body && typeof body.pipe === 'function') body.pipe(request);
      else request.end(body);
    });
  }

  /** As a line of the transcript. */
  show(answer) {
    if (answer.error) return `error ${answer.error}`;
    const head = answer.headers.map(([name, value]) => `${name}: ${value}`).join('; ');
    const trailers = answer.trailers.length > 0 ? ` trailers ${JSON.stringify(answer.trailers)}` : '';
    const text = answer.body.length > 4000 ? `${answer.body.length} bytes, crc ${zlib.crc32 ? zlib.crc32(answer.body) : sum(answer.body)}`
      : answer.body.toString('utf8');
    return `${answer.status} ${answer.message} [${head}] ${text}${trailers}`;
  }

  /** Asks and writes the whole answer down. */
  async get(url, options) { return this.tell('GET', url, options); }

  async post(url, body, options = {}) { return this.tell('POST', url, { ...options, body }); }

  async tell(method, url, options) {
    const answer = await this.ask(method, url, options);
    this.log(`${method} ${url} →`, this.show(answer));
    return answer;
  }

  /** Asks all at once, and writes the answers down in the order of the list. */
  async together(urls, options) {
    const answers = await Promise.all(urls.map((url) => this.ask('GET', url, options)));
    answers.forEach((answer, at) => this.log(`${urls[at]} →`, this.show(answer)));
    return answers;
  }

  /** Sends text over a connection of its own, and resolves to what came until `enough(text)` or its end. */
  raw(text, { port = this.port, enough = () => false, half = false } = {}) {
    return new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1');
      let got = '';
      const done = () => {
        socket.destroy();
        resolve(got.replace(/^Date: .*\r\n/gim, ''));
      };
      socket.setTimeout(TIMEOUT_MS, () => { got += '(no answer)'; done(); });
      socket.setEncoding('latin1');
      socket.on('data', (data) => { got += data; if (enough(got)) done(); });
      socket.on('error', done);
      socket.on('close', done);
      if (half) socket.end(text);
      else socket.write(text);
    });
  }

  /** Asks again and again until the answer's text passes the test. */
  async until(url, test, options) {
    const deadline = Date.now() + TIMEOUT_MS;
    for (;;) {
      const answer = await this.ask('GET', url, options);
      if (answer.error || test(answer.body.toString('utf8')) || Date.now() > deadline) return answer;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

function pairs(raw) {
  const found = [];
  for (let at = 0; at < raw.length; at += 2) found.push([raw[at], raw[at + 1]]);
  return found;
}

function sum(buffer) {
  return require('node:crypto').createHash('md5').update(buffer).digest('hex');
}

async function spring(talk, trap, client) {
  try {
    await client(talk);
  } catch (error) {
    talk.log(`the client of ${trap} failed: ${error.stack}`);
  }
  talk.agent.destroy();
}

async function main([port, load, rounds, part]) {
  const clients = require(path.resolve(load));
  const isFinal = (trap) => trap.startsWith('final');
  const traps = Object.keys(clients).filter((trap) => !part || isFinal(trap) === (part === 'final'));
  const found = new Map(traps.map((trap) => [trap, []]));
  for (let round = 0; round < Number(rounds); round += 1) {
    for (const trap of traps) {
      if (isFinal(trap) && round + 1 < Number(rounds)) continue;
      const talk = new Talk(trap, Number(port), round);
      await spring(talk, trap, clients[trap]);
      found.get(trap).push(...talk.lines);
    }
  }
  return [...found].map(([trap, lines]) => `${JSON.stringify({ trap, lines })}\n`).join('');
}

main(process.argv.slice(2)).then((text) => process.stdout.write(text, () => process.exit(0)));
