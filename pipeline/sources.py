"""Which pictures a command means, and what their outputs are called. Looks at names only; opens no file."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vision.load import SUFFIXES


@dataclass(frozen=True, slots=True)
class Source:
    """One input file. name: unique within a run, for output files (`NAME.json`)."""

    path: Path
    name: str


def find(arguments: Sequence[str]) -> tuple[Source, ...]:
    """The files that the arguments mean, in order, each once.

    A folder means the pictures right in it; a pattern (`*`, `?`, `[…]`, `**` for nested folders) means what it matches.
    An argument that matches nothing stays, so that whoever opens it can say so.
    """
    paths: dict[Path, None] = {}
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            inside = (entry for entry in path.iterdir() if entry.suffix.lower() in SUFFIXES and entry.is_file())
            paths.update(dict.fromkeys(sorted(inside)))
        elif not path.exists() and glob.has_magic(argument):
            matches = (Path(match) for match in sorted(glob.glob(argument, recursive=True)))  # noqa: PTH207 absolute too
            paths.update(dict.fromkeys((m for m in matches if m.suffix.lower() in SUFFIXES), None) or {path: None})
        else:
            paths[path] = None
    return tuple(Source(path, name) for path, name in zip(paths, _names(list(paths)), strict=True))


def _names(paths: list[Path]) -> list[str]:
    """The stem where it is unique, else stem-ending, else folder-stem-ending, else with a number too."""
    names = [path.stem for path in paths]
    for folder in (False, True):
        seen = Counter(name.casefold() for name in names)
        names = [
            _longer(p, folder) if seen[name.casefold()] > 1 else name for p, name in zip(paths, names, strict=True)
        ]
    taken: set[str] = set()
    for i, name in enumerate(names):
        number, unique = 2, name
        while unique.casefold() in taken:
            unique, number = f"{name}-{number}", number + 1
        taken.add(unique.casefold())
        names[i] = unique
    return names


def _longer(path: Path, folder: bool) -> str:
    name = f"{path.stem}-{path.suffix[1:]}" if path.suffix else path.stem
    return f"{path.resolve().parent.name}-{name}" if folder else name
