"""`transformers serve` as it is, with a torchvision that was made for another build of torch put right first."""

from __future__ import annotations

import io
import sys
from typing import Any


def decoded(data: Any, **_: Any) -> Any:
    """A picture's file as a tensor (3, height, width), by Pillow."""
    import numpy as np
    import torch
    from PIL import Image

    with Image.open(io.BytesIO(bytes(data.numpy()))) as image:
        return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


def main() -> None:
    import torch

    try:
        import torchvision
    except (RuntimeError, OSError):
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")  # what it misses: operators that no picture needs here
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision

        torchvision.io.decode_image = decoded
    from transformers.cli.transformers import app

    app()


if __name__ == "__main__":
    main()
