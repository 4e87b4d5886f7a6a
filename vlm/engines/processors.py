"""What prepares the pictures and texts of a model: its tokenizer, its image processor, its template of conversations.

Put together from the files of a model with Pillow in place of torchvision, and without what it would need for video and
sound; pictures come to their size through qwen-vl-utils where torchvision is sound. Knows nothing of weights.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from PIL import Image

from diagram.errors import EngineError

BARE: Final = {"got_ocr2": "", "deepseek_ocr2": "<image>\nFree OCR. "}
"""Models that take no conversation, and the words that they were trained with."""


def processor(transformers: Any, folder: str, model_type: str) -> Any:
    """The processor of a model.

    Raises:
        EngineError: the folder holds no image processor or no tokenizer.
    """
    from transformers.models.auto import image_processing_auto, processing_auto

    processors: Any = vars(processing_auto)["PROCESSOR_MAPPING_NAMES"]
    preparers: Any = vars(image_processing_auto)["IMAGE_PROCESSOR_MAPPING_NAMES"]
    name = processors.get(model_type) or _told_processor(Path(folder))
    kind = getattr(transformers, name or "", None)
    if kind is None:
        raise EngineError(f"{folder} does not say what prepares its pictures", hint="Run it on a server.")
    module = sys.modules[kind.__module__]
    if getattr(module, "num2words", "") is None:  # it spells numbers of frames
        vars(module)["num2words"] = str
    plain = transformers.ProcessorMixin.apply_chat_template  # those of some models ask for what prepares video
    stills = type(
        kind.__name__, (kind,), {"check_argument_for_proper_class": lambda *_: None, "apply_chat_template": plain}
    )

    def images() -> Any:
        try:
            return transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True, backend="pil")
        except (ValueError, AttributeError):  # there is none with Pillow
            return transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)

    parts: dict[str, Callable[[], Any]] = {
        "tokenizer": lambda: transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True),
        "image_processor": images,
    }
    made = {part: parts.get(part, lambda: None)() for part in kind.get_attributes()}
    template = getattr(made["tokenizer"], "chat_template", None)
    if not template and (file := Path(folder) / "chat_template.jinja").is_file():
        template = file.read_text("utf-8")
    if not hasattr(made["tokenizer"], "backend_tokenizer"):
        raise EngineError(f"{folder} has no usable tokenizer", hint="Fetch the model again.")
    if not hasattr(made["image_processor"], "preprocess"):
        raise EngineError(f"{folder} has no image processor", hint="Fetch the model again.")
    wanted = {name.removesuffix("Pil") for name in preparers.get(model_type, {}).values()}
    found = type(made["image_processor"]).__name__
    if wanted and found.removesuffix("Pil").removesuffix("Fast") not in wanted:
        hint = "Fetch the model again."
        raise EngineError(f"{folder}: pictures are prepared by {found}, not {' or '.join(sorted(wanted))}", hint=hint)
    if not template and model_type not in BARE:
        raise EngineError(f"{folder} has no chat template", hint="Fetch the model again.")
    return stills(**made, **_told_numbers(Path(folder), kind, made), chat_template=template)


def resizer(unit: int) -> Callable[[Image.Image, tuple[int, int]], Image.Image]:
    """What brings an RGB picture to a size that `vlm.pictures.fitted` gave for squares of `unit` pixels.

    qwen-vl-utils, the image preparation that goes with the models. It imports torchvision; where that is broken, Pillow
    does the same, to the pixel.
    """
    try:
        from qwen_vl_utils.vision_process import fetch_image
    except (ImportError, RuntimeError, OSError):
        return lambda image, size: image.resize(size, Image.Resampling.BICUBIC)

    def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
        width, height = size
        told = {"image": image, "resized_width": width, "resized_height": height}
        made: Image.Image = fetch_image(told, image_patch_size=unit // 2)
        return made if made.size == size else image.resize(size, Image.Resampling.BICUBIC)  # it has limits of its own

    return resized


def _told_processor(folder: Path) -> str | None:
    """The class of the processor as the files of a model name it."""
    for file in ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json"):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if name := json.loads((folder / file).read_text("utf-8")).get("processor_class"):
                return str(name)
    return None


def _told_numbers(folder: Path, kind: Any, made: dict[str, Any]) -> dict[str, Any]:
    """What else the processor is to know, such as how many tokens a picture becomes."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        told = json.loads((folder / "processor_config.json").read_text("utf-8"))
        known = set(inspect.signature(kind.__init__).parameters) - {*made, "self", "kwargs", "chat_template"}
        return {name: value for name, value in told.items() if name in known}
    return {}
