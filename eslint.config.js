'use strict';

const js = require('@eslint/js');
const globals = require('globals');

module.exports = [
  { ignores: ['**/node_modules/**', '**/fixtures/**'] },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2023, sourceType: 'commonjs', globals: globals.node },
    rules: {
      'no-unused-vars': ['error', { args: 'none', caughtErrors: 'none' }],
      'no-var': 'error',
      'prefer-const': 'error',
      eqeqeq: ['error', 'smart'],
    },
  },
  // ES5 on purpose, for tools that read nothing newer.
  { files: ['benchmarks/programs/**/*.js'], rules: { 'no-var': 'off', 'prefer-const': 'off' } },
  { files: ['**/*.mjs'], languageOptions: { sourceType: 'module' } },
];
