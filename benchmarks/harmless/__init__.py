"""Shows that instrumentation changes nothing: test262, and the own test suites of packages, with and without it."""
