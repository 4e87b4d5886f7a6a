"""The registry of models: `models.yaml` beside this file, and the user's own file of the same form over it.

Knows what is written there and nothing of what is on this machine (`vlm.weights`) or how a model is run.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from diagram.errors import InputError, UnknownNameError

Precision = Literal["nf4", "bf16"]
BUILT_IN: Final = Path(__file__).with_name("models.yaml")
DEFAULT: Final = "qwen2.5-vl-3b"
_CHOICES: Final[dict[str, tuple[str, ...]]] = {"kind": ("vlm", "ocr"), "run": ("native", "server")}


@dataclass(frozen=True, slots=True)
class Model:
    """One entry; see `models.yaml` for what the fields mean."""

    id: str
    name: str
    repository: str
    loader: str = ""
    adapter: str = ""
    kind: Literal["vlm", "ocr"] = "vlm"
    run: Literal["native", "server"] = "native"
    licence: str = "unknown"
    commercial: bool | None = None
    parameters: float | None = None
    precisions: tuple[Precision, ...] = ("bf16",)
    unit: int = 28
    pixels: tuple[int, int] | None = None
    vram_gib: float | None = None
    good_for: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def max_pixels(self) -> int | None:
        """The most pixels of a picture; None: the model cuts pictures in its own way."""
        return None if self.pixels is None else self.pixels[1] * self.unit**2


def load(own: Path | None = None) -> dict[str, Model]:
    """All models by id, in the order of the files; entries of the user's file win.

    Raises:
        InputError: the user's file is not there, or not of the form.
    """
    return {**_read(BUILT_IN), **(_read(own) if own is not None else {})}


def get(name: str, own: Path | None = None) -> Model:
    """The model of this id.

    Raises:
        UnknownNameError: there is none; the hint lists the known ones.
    """
    known = load(own)
    if name not in known:
        raise UnknownNameError(f"unknown model: {name}", hint=f"known: {', '.join(known)}")
    return known[name]


@cache
def _read(path: Path) -> dict[str, Model]:
    import yaml

    try:
        rows = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read: {error}", hint="It has the form of vlm/models.yaml.") from error
    if not isinstance(rows, list):
        raise InputError(f"{path} is not a list of models", hint="It has the form of vlm/models.yaml.")
    models = [_model(path, row) for row in rows]
    return {model.id: model for model in models}


def _model(path: Path, row: Any) -> Model:
    known = {one.name: one for one in fields(Model)}
    if not isinstance(row, dict):
        raise InputError(f"{path}: an entry is not a mapping")
    where = f"{path}: model {row.get('id', '?')}"
    for name, one in known.items():
        if name not in row and one.default is MISSING:
            raise InputError(f"{where} has no {name}")
        if name in _CHOICES and row.get(name, _CHOICES[name][0]) not in _CHOICES[name]:
            raise InputError(f"{where}: {name} must be one of {', '.join(_CHOICES[name])}")
    if unknown := sorted(set(row) - set(known)):
        raise InputError(f"{where}: unknown field {', '.join(map(str, unknown))}", hint=f"known: {', '.join(known)}")
    row = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    if row.get("pixels") is not None and not _is_range(row["pixels"]):
        raise InputError(f"{where}: pixels must be two numbers, the smaller first")
    return Model(**row)


def _is_range(value: Any) -> bool:
    return (
        isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, int) for v in value)
        and 0 < value[0] <= value[1]
    )  # fmt: skip
