"""Reports of a trace and a plan: terminal, HTML, Markdown, JSON."""
