'use strict';

/** A router in the manner of connect: handlers get (request, response, next), and errors that they throw end here. */
class Router {
  constructor() {
    this.routes = new Map();
  }

  /** @param {string} path @param {Function} handler */
  get(path, handler) {
    this.routes.set(path, handler);
  }

  /** @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response */
  handle(request, response) {
    const url = new URL(request.url ?? '/', 'http://localhost');
    request.text = url.searchParams.get('text') ?? '';
    const next = (error) => {
      response.statusCode = error ? 500 : 404;
      response.end(error ? `failed: ${error.name}: ${error.message}` : 'nothing here');
    };
    const handler = this.routes.get(url.pathname);
    if (handler === undefined) {
      next();
      return;
    }
    try {
      const result = handler(request, response, next);
      if (result && typeof result.then === 'function') result.then(undefined, next);
    } catch (error) {
      next(error);
    }
  }
}

module.exports = { Router };
