"""The nouns of Diascribe: typed graphs of process diagrams and what is said about them.

Standard library only. Knows nothing of pixels, files on disk, servers or models.
"""
