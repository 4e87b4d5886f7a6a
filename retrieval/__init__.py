"""Finds training diagrams like a given one: embedders, an index of vectors, the examples, the choice of few of them.

Imports `diagram` only; the reader that some embedders need is handed in.
"""
