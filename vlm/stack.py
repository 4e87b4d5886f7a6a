"""torch and transformers, imported so that a broken torchvision beside them does no harm.

A torchvision made for another build of torch fails to import, and takes down all of transformers that looks for it.
Nothing here needs it: pictures are prepared with Pillow, and video is no concern. Call `import_stack` before anything
else imports transformers.
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

        if "transformers" not in sys.modules:
            hide_broken_torchvision()
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
