'use strict';

const gets = (...paths) => async (talk) => {
  for (const path of paths) await talk.get(path);
};

module.exports = {
  'lost-update': async (talk) => {
    await talk.together(['/add', '/add', '/add', '/add']);
    await talk.get('/total');
  },
  memoise: gets('/7', '/7', '/8', '/size'),
  singleton: gets('/', '/', '/count'),
  'lazy-require': gets('/', '/'),
  configured: gets('/render', '/set/dark', '/render', '/set/light', '/render'),
  'loaded-twice': gets('/both', '/second', '/both'),
  secret: gets('/sign/a', '/verify/a', '/sign/b', '/verify/b', '/age'),
  captures: gets('/greet', '/shout', '/factory', '/table'),
  'late-capture': gets('/before', '/while', '/by', '/hoisted'),
  loops: gets('/var', '/let'),
  atomic: async (talk) => {
    await talk.together(['/take', '/take', '/take']);
    await talk.get('/left');
    await talk.get('/put');
  },
  timers: gets('/order', '/cleared', '/interval', '/refresh', '/immediate'),
  emitters: gets('/results', '/once', '/this', '/order', '/error', '/later'),
  'async-storage': async (talk) => {
    await talk.together(['/who?id=1', '/who?id=2', '/who?id=3']);
    await talk.get('/deep?id=4');
    await talk.get('/bind?id=5');
  },
  'init-order': gets('/', '/'),
  'app-state': gets('/title', '/setting', '/user', '/count', '/count'),
  'object-kept': gets('/', '/later'),
  'counters-in-classes': gets('/hit', '/hit', '/static'),
  'closure-state': gets('/a', '/a', '/b'),
  'frozen-config': gets('/', '/nested'),
  queue: async (talk) => {
    await talk.together(['/push?n=1', '/push?n=2', '/push?n=3']);
    await talk.get('/drained');
  },
  'promise-cache': async (talk) => {
    await talk.together(['/get', '/get']);
    await talk.get('/made');
  },
  'module-let': gets('/', '/toggle', '/', '/toggle'),
  'array-state': gets('/add/1', '/add/2', '/heavy', '/all'),
  env: gets('/read', '/write', '/read', '/cwd', '/argv'),
  clock: gets('/'),
  'partly-state': gets('/hit', '/title', '/plural', '/hit', '/title'),
  'made-at-start': gets('/row/2', '/visit', '/visits', '/visited', '/upper', '/twice', '/loop/a', '/loop/b', '/loop/c', '/later', '/count', '/limit', '/raise', '/fewer',
    '/limit', '/count', '/row/3'),
  parallel: gets('/', '/beside', '/calls'),
};
