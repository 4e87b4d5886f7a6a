"""Read a folder of pictures with known graphs and measure how right, how sure and how fast the reader was.

TRUTH_DIR holds NAME.json beside NAME.png (or another picture). What cannot be read counts as an empty graph: nothing
is left out in the reader's favour. Knows nothing of terminals; `report` makes the page.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from diagram.errors import InputError
from diagram.model import Description
from pipeline.batch import Plan, describe_files
from pipeline.score import Score, macro, micro, score
from pipeline.settings import Settings
from pipeline.sources import Source
from vision.load import SUFFIXES

EMPTY: Final[Mapping[str, Any]] = {"nodes": [], "edges": [], "lanes": []}


@dataclass(frozen=True, slots=True)
class Row:
    """One picture. found: None where a ready prediction was scored or nothing could be read. seconds: None likewise."""

    name: str
    picture: Path | None
    truth: Mapping[str, Any]
    predicted: Mapping[str, Any]
    score: Score
    found: Description | None = None
    seconds: float | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions whose confidence lies in [low, high): how many, their mean confidence, the share that is right."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """How honest stated confidences are. ece: mean |confidence - accuracy| over all predictions; None without any."""

    bins: tuple[Bin, ...]
    ece: float | None


def evaluate(
    folder: Path,
    settings: Settings,
    *,
    jobs: int = 0,
    predictions: Path | None = None,
    on_row: Callable[[Row], None] = lambda _: None,
) -> list[Row]:
    """A row per truth file, by name.

    jobs: as `describe_files`. predictions: a folder of NAME.json to score instead of reading the pictures.
    on_row: called with each row as it is done.

    Raises:
        InputError: the folder holds no truth.
    """
    truths = read_truths(folder)
    if predictions is not None:
        rows = [_ready(name, truth, folder, predictions / f"{name}.json") for name, truth in truths.items()]
        for row in rows:
            on_row(row)
        return rows
    rows, sources = [], []
    for name, truth in truths.items():
        if (picture := picture_of(folder, name)) is None:
            rows.append(Row(name, None, truth, EMPTY, score(truth, EMPTY), failure="no picture"))
        else:
            sources.append(Source(picture, name))
    settings = settings.model_copy(update={"examples": 0})  # the reader is measured, not what it reminds of
    for outcome in describe_files(sources, Plan(), settings, jobs):
        name = outcome.source.name
        truth = truths[name]
        failure = "; ".join(f"{f.reason}" for f in outcome.failures)
        found = outcome.found[0][1] if outcome.found else None
        predicted = found.diagram.to_json() if found else EMPTY
        seconds = outcome.seconds if found else None
        row = Row(name, outcome.source.path, truth, predicted, score(truth, predicted), found, seconds, failure)
        on_row(row)
        rows.append(row)
    return sorted(rows, key=lambda row: row.name)


def read_truths(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Graphs in NAME.json of a folder, by name; other JSON files are passed over.

    Raises:
        InputError: there is none.
    """
    truths = {p.stem: graph for p in sorted(folder.glob("*.json")) if (graph := _graph(p)) and p.name != "index.json"}
    if not truths:
        raise InputError(f"{folder} holds no truth", hint="truth is NAME.json beside NAME.png, in the Diagram JSON")
    return truths


def picture_of(folder: Path, name: str) -> Path | None:
    """The picture beside NAME.json."""
    for suffix in sorted(SUFFIXES):
        for path in (folder / f"{name}{suffix}", folder / f"{name}{suffix.upper()}"):
            if path.is_file():
                return path
    return None


def calibrate(hits: Sequence[tuple[float, bool]], bins: int = 10) -> Calibration:
    """Group (confidence in [0, 1], whether right) into equal bins; empty bins are left out."""
    groups: dict[int, list[tuple[float, bool]]] = {}
    for confidence, right in hits:
        groups.setdefault(min(bins - 1, int(confidence * bins)), []).append((confidence, right))
    out = tuple(
        Bin(
            i / bins,
            (i + 1) / bins,
            len(group),
            statistics.fmean(c for c, _ in group),
            statistics.fmean(right for _, right in group),
        )
        for i, group in sorted(groups.items())
    )
    ece = sum(b.count * abs(b.confidence - b.accuracy) for b in out) / len(hits) if hits else None
    return Calibration(out, ece)


def stages(rows: Sequence[Row]) -> dict[str, float]:
    """Mean seconds a picture per stage, in the order of the first picture, and their sum as "total"."""
    read = [row for row in rows if row.found is not None]
    if not read:
        return {}
    names = dict.fromkeys(name for row in read if row.found for name in row.found.timings)
    mean = {name: statistics.fmean(row.found.timings.get(name, 0.0) for row in read if row.found) for name in names}
    return {**mean, "total": statistics.fmean(row.seconds or 0.0 for row in read)}


def to_json(rows: Sequence[Row]) -> dict[str, Any]:
    """All figures, JSON-ready."""
    scores = [row.score for row in rows]
    return {
        "images": len(rows),
        "missing": sum(not row.predicted["nodes"] and bool(row.failure) for row in rows),
        "macro": macro(scores),
        "micro": micro(scores),
        "calibration": {
            "nodes": _calibration_json(calibrate([hit for one in scores for hit in one.node_hits])),
            "edges": _calibration_json(calibrate([hit for one in scores for hit in one.edge_hits])),
        },
        "seconds": stages(rows),
        "rows": {row.name: _row_json(row) for row in rows},
    }


def worst(rows: Sequence[Row], count: int) -> list[Row]:
    """The pictures read worst, by nodes and flows together; exact ones are left out."""
    wrong = [row for row in rows if row.score.metrics["exact"] != 1.0]
    return sorted(wrong, key=lambda row: (row.score.nodes.f1 + row.score.edges.f1, row.name))[:count]


def _ready(name: str, truth: Mapping[str, Any], folder: Path, path: Path) -> Row:
    graph = _graph(path)
    predicted = graph or EMPTY
    failure = "" if graph else "no prediction"
    return Row(name, picture_of(folder, name), truth, predicted, score(truth, predicted), failure=failure)


def _graph(path: Path) -> Mapping[str, Any] | None:
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if isinstance(data, dict) and "nodes" not in data:
        data = data.get("diagram")
    return data if isinstance(data, dict) and isinstance(data.get("nodes"), list) else None


def _row_json(row: Row) -> dict[str, Any]:
    one = row.score
    return {
        "node_p": one.nodes.precision,
        "node_r": one.nodes.recall,
        "edge_p": one.edges.precision,
        "edge_r": one.edges.recall,
        **one.metrics,
        "counts": {
            "node": [one.nodes.hits, one.nodes.predicted, one.nodes.true],
            "edge": [one.edges.hits, one.edges.predicted, one.edges.true],
        },
        "seconds": row.seconds,
        "timings": dict(row.found.timings) if row.found else {},
        "warnings": list(row.found.warnings) if row.found else [],
        "failure": row.failure,
    }


def _calibration_json(calibration: Calibration) -> dict[str, Any]:
    bins = [[b.low, b.high, b.count, b.confidence, b.accuracy] for b in calibration.bins]
    return {"ece": calibration.ece, "bins": bins}
