"""Measure how well the same process is found again, drawn by another, and what the choice of examples makes of it.

In a folder with `metadata.jsonl` the rows that are kept for measuring are asked for among those to train with. In
another one, where NAME.json names a `process`, each picture is asked for among all others. Pictures asked for are read;
the others come with their true graphs, as in the index. Similarities are those of the embedder that the settings name.
Knows nothing of terminals.

recall@k: of the pictures that show the process, or of k if there are more, the share among the first k. mAP: mean
average precision. A picture that cannot be read finds nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diagram.errors import InputError
from diagram.model import Diagram
from pipeline.batch import Plan, describe_files
from pipeline.curate import described
from pipeline.evaluate import picture_of, read_truths
from pipeline.retrieve import CANDIDATES, Retrieval
from pipeline.settings import Settings
from pipeline.sources import Source
from retrieval.embedder import Vectors
from retrieval.examples import METADATA, TRAIN, ExampleFolder, Record, graph_text
from retrieval.select import Candidate, Limits, choose


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well the right answers are placed for one question. rank: of the first one, from 1; 0: nothing was found."""

    recall_1: float
    recall_5: float
    precision: float
    rank: int


@dataclass(frozen=True, slots=True)
class Asked:
    """One question. first: what was found first. shown: examples chosen, `right` of them of its process.

    strange: examples chosen after those of its process were taken out: none would be best.
    """

    name: str
    ranking: Ranking
    first: str
    shown: int
    right: int
    strange: int


def evaluate_retrieval(
    folder: Path,
    settings: Settings,
    *,
    jobs: int = 0,
    predictions: Path | None = None,
    on_read: Callable[[str], None] = lambda _: None,
) -> list[Asked]:
    """A row per picture asked for that has something to find, by name.

    jobs, predictions: as `evaluate`. on_read: called with the name of each picture once it is read.

    Raises:
        InputError: nothing in the folder can be asked for.
    """
    asked, kept = questions(folder)
    settings = settings.model_copy(update={"examples": 0})
    asked = _read(asked, settings, jobs, predictions, on_read)
    retrieval = Retrieval(settings)
    embedder = retrieval.embedder_for_building()
    found = embedder.embed([retrieval.picture(record) for record in asked])
    held = embedder.embed([retrieval.picture(record) for record in kept])
    limits = Limits(similarity=embedder.close if settings.min_similarity is None else settings.min_similarity)
    rows = [_row(record, vector @ held.T, kept, held, limits) for record, vector in zip(asked, found, strict=True)]
    return sorted(rows, key=lambda row: row.name)


def questions(folder: Path) -> tuple[list[Record], list[Record]]:
    """(what is asked for, what is searched); a picture in both never finds itself.

    Raises:
        InputError: there is nothing to ask for.
    """
    if (folder / METADATA).is_file():
        rows = list(ExampleFolder(folder).records().values())
        asked, kept = [row for row in rows if row.split != TRAIN], [row for row in rows if row.split == TRAIN]
    else:
        pictures = {name: picture_of(folder, name) for name in read_truths(folder)}
        asked = kept = [described(name, path, folder / f"{name}.json") for name, path in pictures.items() if path]
    known = {row.process for row in kept if row.process}
    asked = (
        [row for row in asked if any(row.process == one.process and row.id != one.id for one in kept)] if known else []
    )
    if not asked:
        hint = "two pictures of one `process` are needed, one of them kept for measuring where there is metadata.jsonl"
        raise InputError(f"{folder} holds nothing to ask for", hint=hint)
    return asked, kept


def ranking(scores: NDArray[np.floating[Any]], right: NDArray[np.bool_]) -> Ranking:
    """How the right answers are placed. scores, right: (n,), of everything that is searched, at least one right."""
    if not scores.any():
        return Ranking(0.0, 0.0, 0.0, 0)
    hits = right[np.argsort(-scores, kind="stable")]
    total = int(hits.sum())
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return Ranking(
        float(hits[0]),
        float(hits[:5].sum() / min(5, total)),
        float((precision * hits).sum() / total),
        int(hits.argmax()) + 1,
    )


def means(rows: Sequence[Ranking]) -> dict[str, float]:
    """recall@1, recall@5 and mAP over all questions."""
    return {
        "recall@1": fmean(row.recall_1 for row in rows),
        "recall@5": fmean(row.recall_5 for row in rows),
        "mAP": fmean(row.precision for row in rows),
    }


def to_json(rows: Sequence[Asked]) -> dict[str, Any]:
    """All figures, JSON-ready."""
    shown = sum(row.shown for row in rows)
    return {
        "asked": len(rows),
        **means([row.ranking for row in rows]),
        "shown": shown / len(rows),
        "shown_right": sum(row.right for row in rows) / shown if shown else None,
        "strange": fmean(bool(row.strange) for row in rows),
        "rows": [{"name": row.name, "rank": row.ranking.rank, "first": row.first} for row in rows],
    }


def _row(record: Record, scores: Vectors, kept: Sequence[Record], held: Vectors, limits: Limits) -> Asked:
    others = np.array([one.id != record.id for one in kept])
    right = np.array([one.process == record.process for one in kept])
    order = [int(i) for i in np.argsort(-scores, kind="stable") if others[i]]
    shown = _chosen(record.diagram or Diagram(), order, scores, kept, held, limits)
    strange = _chosen(record.diagram or Diagram(), [i for i in order if not right[i]], scores, kept, held, limits)
    return Asked(
        record.id,
        ranking(scores[others], right[others]),
        kept[order[0]].id if scores.any() else "",
        len(shown),
        len(shown & {one.id for one in kept if one.process == record.process}),
        len(strange),
    )


def _chosen(
    graph: Diagram, order: Sequence[int], scores: Vectors, kept: Sequence[Record], held: Vectors, limits: Limits
) -> set[str]:
    """The ids that would be shown, of those in `order`."""
    if not graph.nodes:
        return set()
    candidates = [Candidate(replace(kept[i], graph=""), float(scores[i]), held[i]) for i in order[:CANDIDATES]]
    return {example.id for example in choose(candidates, graph.language, graph.kind, limits).examples}


def _read(
    asked: Sequence[Record], settings: Settings, jobs: int, predictions: Path | None, on_read: Callable[[str], None]
) -> list[Record]:
    """The same as they are when a user asks: with the graphs that were read, empty where that failed, and no title."""
    graphs = {record.id: Diagram() for record in asked}
    if predictions is not None:
        for name in graphs:
            path = predictions / f"{name}.json"
            if path.is_file():
                graphs[name] = Diagram.from_json(json.loads(path.read_text("utf-8")))
            on_read(name)
    else:
        sources = [Source(record.image, record.id) for record in asked]
        for outcome in describe_files(sources, Plan(), settings, jobs):
            if outcome.found:
                graphs[outcome.source.name] = outcome.found[0][1].diagram
            on_read(outcome.source.name)
    return [replace(record, graph=graph_text(graphs[record.id]), title="") for record in asked]
