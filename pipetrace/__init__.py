"""pipetrace: record a Node.js server, split it into stages, prove the result."""

__version__ = "0.1.0"
