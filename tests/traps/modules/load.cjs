'use strict';

const gets = (...paths) => async (talk) => {
  for (const path of paths) await talk.get(path);
};

module.exports = {
  bindings: gets('/read', '/change', '/read', '/heavy'),
  cycles: gets('/even', '/odd'),
  dynamic: gets('/lazy', '/lazy', '/meta'),
  awaited: gets('/config', '/sum'),
  plain: gets('/common', '/common', '/thrown'),
};
