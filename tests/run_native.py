"""A native model of the registry by the engine of the product: python -m tests.run_native LOADER

Prints what it answered about a picture, under a schema, and what was forecast for a small and a huge picture.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

SCHEMA = {"type": "object", "properties": {"a": {"enum": ["x", "yy"]}}, "required": ["a"],
          "additionalProperties": False}  # fmt: skip


def run(loader: str) -> dict[str, Any]:
    from tests.tiny_natives import make
    from vlm import registry
    from vlm.engine import Message
    from vlm.engines.native import Options
    from vlm.engines.qwen import QwenEngine

    unit = 32 if loader.startswith("Qwen3") else 28
    precision = next(model.precisions[0] for model in registry.load().values() if model.loader == loader)
    options = Options(precision=precision, device="cpu", least=4, most=64, unit=unit, loader=loader)
    with tempfile.TemporaryDirectory() as folder:
        engine = QwenEngine(make(loader, Path(folder) / "model"), options)

        def about(size: tuple[int, int]) -> list[Message]:
            return [Message("user", ("What is it?", Image.new("RGB", size, "white")))]

        small, huge = (engine.forecast(about(size), 8).estimate for size in ((300, 200), (10_000, 10_000)))
        bare = "Ocr2" in loader  # it takes pictures only
        words = 0 if bare else engine.generate([Message("user", ("What is it?",))], max_tokens=2).prompt_tokens
        reply = engine.generate(about((300, 200)), schema=SCHEMA, max_tokens=40)
        modules = engine._model._model.named_modules()
        packed = [name for name, module in modules if getattr(getattr(module, "weight", None), "quant_state", None)]
    return {
        "packed": packed, "precision": precision, "text": reply.text, "finish": reply.finish,
        "prompt": reply.prompt_tokens, "words": words, "weights": small.weights, "small": small.working,
        "huge": huge.working,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1])))
