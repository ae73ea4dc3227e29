"""From a plan and the source to a staged application."""
