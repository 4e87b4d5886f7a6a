"""Benchmarks: each prints a table against a peer, a truth or a limit. Nothing imports this package."""
