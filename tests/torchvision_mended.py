"""A torchvision that was made for another build of torch, put right: the operators that it misses are declared.

No picture needs them here. Run a module with it: python -m tests.torchvision_mended MODULE ARGUMENTS
"""

from __future__ import annotations

import io
import os
import runpy
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_LIBRARIES = []


def installed(name: str) -> bool:
    """Whether a package is, if perhaps hidden from this process."""
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def hide() -> None:
    """Make a torchvision that does not fit torch look absent: it would take down whoever looks for it."""
    if installed("torch") and installed("torchvision"):
        builds = {version(name).partition("+")[2] for name in ("torch", "torchvision")}
        if "cpu" in builds and len(builds) > 1:
            sys.modules["torchvision"] = None  # type: ignore[assignment]


def beside_a_broken_one(folder: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process that finds a torchvision which cannot be imported; what is imported before decides."""
    broken = folder / "site" / "torchvision"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')\n")
    meta = folder / "site" / "torchvision-0.28.0.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: torchvision\nVersion: 0.28.0\n")
    root = Path(__file__).parent.parent
    path = os.pathsep.join([str(folder / "site"), str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], env={**os.environ, "PYTHONPATH": path}, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip


def decoded(data: Any, **_: Any) -> Any:
    """A picture's file as a tensor (3, height, width), by Pillow."""
    import numpy as np
    import torch
    from PIL import Image

    with Image.open(io.BytesIO(bytes(data.numpy()))) as image:
        return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


def mend() -> None:
    """Import torchvision, whatever it takes."""
    import torch

    try:
        import torchvision
    except (RuntimeError, OSError):
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _LIBRARIES.append(library)  # they go when it goes
        import torchvision

        torchvision.io.decode_image = decoded


if __name__ == "__main__":
    mend()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__")
