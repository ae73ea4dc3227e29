'use strict';

const gets = (...paths) => async (talk) => {
  for (const path of paths) await talk.get(path);
};

module.exports = {
  'special-values': gets('/all', '/numbers'),
  aliases: gets('/', '/calls'),
  classes: gets('/money', '/vault'),
  functions: gets('/callback', '/results', '/several', '/sort', '/replace'),
  reflection: gets('/', '/calls'),
  getters: gets('/getter', '/proxy'),
  symbols: gets('/', '/calls'),
  buffers: gets('/overlap', '/shared', '/crypto'),
  weak: gets('/', '/shared', '/shared', '/visits', '/calls'),
  iterators: gets('/generator', '/iterable', '/async', '/result'),
  promises: gets('/argument', '/rejected', '/race', '/thenable'),
  signals: gets('/given', '/aborted', '/event'),
  errors: gets('/class', '/cause', '/catch', '/aggregate', '/plain', '/stack', '/system'),
  retained: gets('/', '/look'),
  bound: gets('/', '/scaled', '/'),
  wide: gets('/intl', '/deep', '/large'),
};
