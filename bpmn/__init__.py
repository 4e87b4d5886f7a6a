"""BPMN 2.0 XML: the typed graph as OMG's exchange format, with diagram interchange, and back.

Knows `diagram` and nothing of the reader, Mermaid or the models.
"""
