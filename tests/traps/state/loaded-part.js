'use strict';

const crypto = require('node:crypto');

const salt = `salt ${require('./loaded-count').next()}`;

async function sign(text) {
  return `${salt}: ${crypto.pbkdf2Sync(text, salt, 300, 8, 'sha256').toString('hex')}`;
}

module.exports = { sign };
