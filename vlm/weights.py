"""The weights of models on this machine: found, checked, fetched, removed. A model is a folder or a name on the hub,
which may end with @REVISION.

Reads the layout of the Hugging Face cache itself, so that looking costs nothing; only `download` uses the network, and
not where `HF_HUB_OFFLINE` is set. Knows nothing of what the weights mean.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from diagram.errors import DiascribeError, MissingDependencyError

_NOT_NEEDED: Final = [
    "onnx/*",
    "openvino/*",
    "original/*",
    "*.gguf",
    "*.h5",
    "*.msgpack",
    "*.ot",
    "*.pth",
    "*.mlpackage/*",
]
_NOT_THEIRS: Final = "is damaged: its digest is not that of the hub"
_OFFLINE: Final = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


@dataclass(frozen=True, slots=True)
class Stored:
    """One model in the cache of the hub: its name there, its folder, its size on disk in bytes."""

    repository: str
    folder: Path
    size: int


def find(repository: str) -> Path | None:
    """The folder of a model with all its weights, the newest; None: it is not here, or not whole."""
    own = Path(repository).expanduser()
    for folder in [own] if own.is_dir() else snapshots(repository):
        if (folder / "config.json").is_file() and not faults(folder):
            return folder
    return None


def faults(folder: Path, *, thorough: bool = False) -> list[str]:
    """What is wrong with the weight files of a folder; empty: nothing.

    Checks that all parts are there and as long as they say. thorough: also their digests, where the cache knows them;
    reads every byte.
    """
    names = _parts(folder)
    if not names:
        return ["there are no weights (*.safetensors)"]
    found = []
    for name in names:
        path = folder / name
        if not path.is_file():
            found.append(f"{name} is missing")
        elif fault := _fault(path):
            found.append(f"{name} {fault}")
        elif thorough and not _is_theirs(path):
            found.append(f"{name} {_NOT_THEIRS}")
    return found


def download(repository: str, progress: Callable[[int, int], None] | None = None) -> Path:
    """Fetch a model into the cache; what was fetched before is not fetched again, a broken download resumes.

    progress: called with the bytes that are here and the bytes in all.

    Raises:
        MissingDependencyError: the hub's client is not installed. DiascribeError: it cannot be fetched or is damaged.
    """
    if (folder := find(repository)) is not None:
        return folder
    folder = fetch(repository, progress)
    if wrong := faults(folder):
        raise _damaged(repository, wrong)
    return folder


def fetch(repository: str, progress: Callable[[int, int], None] | None = None) -> Path:
    """The folder of a model, brought up to what the hub has; every file that came is held against its digest there.

    Raises:
        As `download`.
    """
    if any(os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE") for name in _OFFLINE):
        raise DiascribeError(f"{repository} is not here, and this machine is set offline", hint="unset HF_HUB_OFFLINE")
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        hint = "install it with: pip install 'diascribe[vlm]'"
        raise MissingDependencyError("huggingface_hub is not installed", hint=hint) from error
    try:
        more: dict[str, Any] = {"tqdm_class": _bar(progress)} if progress is not None else {}
        name, _, revision = repository.partition("@")
        folder = Path(snapshot_download(name, revision=revision or None, ignore_patterns=_NOT_NEEDED, **more))
    except Exception as error:  # the client raises its own, its transport's and the system's errors
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        hint = "check the name and the network; what was fetched is kept. Or name a folder as its repository"
        raise DiascribeError(f"{repository} cannot be fetched: {reason}", hint=hint) from error
    if wrong := [f"{path.name} {_NOT_THEIRS}" for path in folder.rglob("*") if not _is_theirs(path)]:
        raise _damaged(repository, wrong)
    return folder


def stored() -> Iterator[Stored]:
    """All models in the cache, whole or not."""
    for folder in sorted(cache_folder().glob("models--*")):
        size = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        yield Stored(folder.name.removeprefix("models--").replace("--", "/"), folder, size)


def remove(repository: str) -> int:
    """Delete a model from the cache, never a folder of the user's; the bytes that were freed (0: it was not there)."""
    for one in stored():
        if one.repository == repository.partition("@")[0]:
            shutil.rmtree(one.folder)
            return one.size
    return 0


def cache_folder() -> Path:
    """Where the hub's client keeps models."""
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()


def snapshots(repository: str) -> list[Path]:
    """The folders of a model in the cache, whole or not, the newest first; of a revision that is named only its own."""
    name, _, revision = repository.partition("@")
    kept = cache_folder() / f"models--{name.replace('/', '--')}"
    if revision:
        reference = kept / "refs" / revision
        commit = reference.read_text("utf-8").strip() if reference.is_file() else revision
        return [folder] if (folder := kept / "snapshots" / commit).is_dir() else []
    folder = kept / "snapshots"
    return sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True) if folder.is_dir() else []


def _parts(folder: Path) -> list[str]:
    """The weight files that there should be."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return sorted(path.name for path in folder.glob("*.safetensors"))
    try:
        return sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [index.name]


def _fault(path: Path) -> str:
    """What is wrong with a safetensors file as far as its head and its length tell; "": nothing.

    The form: 8 bytes, the length of the head; the head, JSON with the place of every tensor; the tensors.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > size:
                return "is damaged"
            head = json.loads(file.read(length))
        end = max((row["data_offsets"][1] for name, row in head.items() if name != "__metadata__"), default=0)
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error):
        return "is damaged"
    return "" if size == 8 + length + end else f"has {size} bytes instead of {8 + length + end}"


def _is_theirs(path: Path) -> bool:
    """Whether a file has the digest that the cache names it by; True where it names none (small files, folders)."""
    digest = path.resolve().name
    if not path.is_file() or len(digest) != 64:
        return True
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest


def _damaged(repository: str, wrong: list[str]) -> DiascribeError:
    hint = f"remove it and fetch it again: diascribe models remove {repository}"
    return DiascribeError(f"{repository} was fetched but is damaged: {'; '.join(wrong)}", hint=hint)


def _bar(progress: Callable[[int, int], None]) -> type:
    """A class in the form of tqdm that tells how many bytes are here; its bars of files are left out."""
    from tqdm.auto import tqdm

    class Bar(tqdm):  # type: ignore[misc,type-arg,unused-ignore]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._bytes = kwargs.get("unit") == "B"
            kwargs["disable"] = False
            kwargs["file"] = open(os.devnull, "w")  # noqa: PTH123, SIM115 tqdm prints; nobody is to see it
            super().__init__(*args, **kwargs)

        def update(self, n: float | None = 1) -> Any:
            shown = super().update(n)
            if self._bytes:
                progress(int(self.n), int(self.total or 0))
            return shown

    return Bar
