"""Parsing, scopes, edits at original offsets, source maps: JavaScript text, and nothing of Node or traces."""
