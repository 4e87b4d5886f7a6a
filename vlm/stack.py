"""torch and transformers, imported so that a broken torchvision beside them does no harm.

A torchvision made for another build of torch fails to import, and takes down all of transformers that looks for it.
Nothing here needs it: pictures are prepared with Pillow, and video is no concern. Use `import_stack` wherever
transformers is needed.
"""

from __future__ import annotations

import contextlib
import sys
from types import ModuleType

from diagram.errors import MissingDependencyError


def import_stack() -> tuple[ModuleType, ModuleType]:
    """torch and transformers.

    Raises:
        MissingDependencyError: one of them is not installed or cannot be used.
    """
    try:
        import torch

        if "torchvision" not in sys.modules and hide_broken_torchvision() and "transformers" in sys.modules:
            _look_again()
        import transformers
    except (ImportError, OSError, RuntimeError) as error:
        hint = "install them with: pip install 'diascribe[vlm]'"
        raise MissingDependencyError(f"torch and transformers cannot be used: {error}", hint=hint) from error
    return torch, transformers


def hide_broken_torchvision() -> bool:
    """Make a torchvision that cannot be imported look absent; whether there was one to hide."""
    with contextlib.suppress(ImportError):
        try:
            import torchvision  # noqa: F401
        except (RuntimeError, OSError):
            for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
                del sys.modules[name]
            sys.modules["torchvision"] = None  # type: ignore[assignment]  # importers take it for absent
            return True
    return False


def _look_again() -> None:
    """Make transformers, which somebody imported before, forget that it found a torchvision."""
    from transformers.utils import import_utils

    for name, check in vars(import_utils).items():
        if "package" in name or "torchvision" in name:
            getattr(check, "cache_clear", lambda: None)()
