"""Contracts: every message, key, resource and exit code that crosses a boundary. No I/O; imports no other room."""
