"""Vision-language models: what they are asked, what they answer, and the engines that run them.

Nothing here is heavy to import: torch, transformers and httpx are loaded by the engine that needs them. Knows the
graph (`diagram`) and nothing of the built-in reader, of drawing or of who asks.
"""
