"""The HTTP service: what `diascribe` does, for other programs. Knows `pipeline` and nothing that lies beneath it."""
