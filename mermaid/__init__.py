"""Mermaid: the typed graph as Mermaid text and back, Mermaid's own verdict, repairs, and pictures.

Knows `diagram` and nothing of the reader, the models or the BPMN XML.
"""
