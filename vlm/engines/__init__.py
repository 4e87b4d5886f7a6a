"""The engines: each runs a model in its own way and is an `vlm.engine.Engine`."""
