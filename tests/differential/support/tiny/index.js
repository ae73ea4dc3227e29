'use strict';
// A small router in the manner of connect: middleware, routes by path, error middleware with four parameters.
module.exports = function tiny() {
  const stack = [];
  function app(req, res) {
    const path = req.url.split('?')[0];
    let at = 0;
    function next(error) {
      const layer = stack[at++];
      if (layer === undefined) {
        if (res.headersSent) return;
        res.statusCode = error ? 500 : 404;
        res.end(error ? 'failed' : 'nothing here');
        return;
      }
      if (layer.path !== null && layer.path !== path) return next(error);
      if (layer.method !== null && layer.method !== req.method) return next(error);
      if ((layer.handler.length === 4) !== (error !== undefined && error !== null)) return next(error);
      try {
        const returned = error ? layer.handler(error, req, res, next) : layer.handler(req, res, next);
        if (returned && typeof returned.then === 'function') returned.then(undefined, next);
      } catch (thrown) {
        next(thrown);
      }
    }
    next();
  }
  const add = (method) => (path, ...handlers) => {
    if (typeof path === 'function') {
      handlers.unshift(path);
      path = null;
    }
    for (const handler of handlers.flat()) stack.push({ method, path, handler });
    return app;
  };
  app.use = add(null);
  app.get = add('GET');
  app.post = add('POST');
  return app;
};
