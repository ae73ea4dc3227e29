'use strict';

// Nothing but small functions, in ES5: each request tokenizes, parses, evaluates, sorts and groups expressions.

var http = require('http');

function Token(kind, text) {
  this.kind = kind;
  this.text = text;
}

function isDigit(code) {
  return code >= 48 && code <= 57;
}

function isSpace(code) {
  return code === 32 || code === 10;
}

function Lexer(text) {
  this.text = text;
  this.at = 0;
}

Lexer.prototype.peek = function () {
  return this.text.charCodeAt(this.at);
};

Lexer.prototype.next = function () {
  while (this.at < this.text.length && isSpace(this.peek())) this.at++;
  if (this.at >= this.text.length) return null;
  var start = this.at;
  if (isDigit(this.peek())) {
    while (this.at < this.text.length && isDigit(this.peek())) this.at++;
    return new Token('number', this.text.slice(start, this.at));
  }
  this.at++;
  return new Token('sign', this.text[start]);
};

function Parser(text) {
  this.lexer = new Lexer(text);
  this.token = this.lexer.next();
}

Parser.prototype.advance = function () {
  var token = this.token;
  this.token = this.lexer.next();
  return token;
};

Parser.prototype.primary = function () {
  var token = this.advance();
  if (token.kind === 'number') return { type: 'number', value: Number(token.text) };
  var inner = this.sum();
  this.advance();
  return inner;
};

Parser.prototype.product = function () {
  var left = this.primary();
  while (this.token && this.token.text === '*') {
    this.advance();
    left = { type: 'multiply', left: left, right: this.primary() };
  }
  return left;
};

Parser.prototype.sum = function () {
  var left = this.product();
  while (this.token && (this.token.text === '+' || this.token.text === '-')) {
    var sign = this.advance().text;
    left = { type: sign === '+' ? 'add' : 'subtract', left: left, right: this.product() };
  }
  return left;
};

var operations = {
  add: function (a, b) { return a + b; },
  subtract: function (a, b) { return a - b; },
  multiply: function (a, b) { return (a * b) % 1000003; }
};

function evaluate(node) {
  if (node.type === 'number') return node.value;
  return operations[node.type](evaluate(node.left), evaluate(node.right));
}

var seed = 7;

function random() {
  seed = (seed * 16807) % 2147483647;
  return seed;
}

function expression(depth) {
  if (depth === 0) return String(random() % 100);
  var sign = ['+', '-', '*'][random() % 3];
  return '(' + expression(depth - 1) + ' ' + sign + ' ' + expression(depth - 1) + ')';
}

var groups = {};

function group(results) {
  results.sort(function (a, b) { return a - b; });
  results.map(function (value) { return value % 10; }).forEach(function (key) {
    groups[key] = (groups[key] || 0) + 1;
  });
  return results.filter(function (value) { return value > 0; }).reduce(function (a, b) { return (a + b) % 65521; }, 0);
}

function work() {
  var results = [];
  for (var count = 0; count < 600; count++) results.push(evaluate(new Parser(expression(4)).sum()));
  return group(results);
}

var server = http.createServer(function (request, response) {
  response.end(String(work()));
});

server.listen(0, '127.0.0.1');
