'use strict';

module.exports = {
  'late-throw': async (talk) => {
    for (const path of ['/timer', '/tick', '/emitter', '/callback']) {
      await talk.get(path);
      const answer = await talk.until('/seen', (text) => text !== '[]', { base: '' });
      talk.log(answer.body.toString());
    }
  },
  rejections: async (talk) => {
    for (const path of ['/forgotten', '/class', '/plain', '/warning']) {
      await talk.get(path);
      const answer = await talk.until('/seen', (text) => text !== '[]', { base: '' });
      talk.log(answer.body.toString());
    }
    await talk.get('/late');
  },
  facts: async (talk) => {
    for (const path of ['/pid', '/memory', '/directory', '/exit-code', '/versions', '/umask', '/thread', '/signal', '/own']) await talk.get(path);
  },
  'hidden-secret': async (talk) => {
    await talk.get('/note/x');
    const { headers } = await talk.ask('GET', '/sign/x');
    const [, signature] = headers.find(([name]) => name === 'X-Signature');
    await talk.get('/same/x', { headers: { 'X-Signature': signature } });
  },
  'final-exit': async (talk) => {
    await talk.get('/code');
    await talk.get('/now');
  },
};
