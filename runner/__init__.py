"""Starting original and staged applications, replaying requests, comparing and measuring."""
