"""The built-in reader: a picture of a diagram in, its typed graph out, with no weights, no GPU and no network.

prepare -> text -> shapes -> connectors -> assemble; `reader.VisionReader` runs them. Imports only `diagram`.
"""
