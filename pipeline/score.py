"""Score a graph that was read against the true one. Definitions follow the field's and are those of `diascribe eval`.

    node_f1       one-to-one optimal matching (Hungarian) of flow nodes. A labelled true node matches only a node whose
                  text is alike (normalised Levenshtein similarity >= 0.8); an unlabelled one matches a node of its
                  family by position (IoU > 0.3) or by matched neighbours.
    typed_f1      the same pairs, counted only where the family agrees.
    edge_f1       directed sequence flows whose two ends are matched nodes; edge_und_f1: without direction.
    triplet_f1    <source text, flow text, target text>, all three alike (>= 0.85).
    label_acc     of true labelled flows, the share found with a label alike (>= 0.8).
    lane_acc      of matched true nodes that lie in a lane, the share whose lane has a name alike.
    text_sim      mean similarity of matched labelled nodes.
    exact         1 where node_f1 = edge_f1 = 1.

Graphs come as JSON objects and are read leniently, for truth is made by many tools: unknown types count as tasks.
Knows nothing of pictures or files.
"""

from __future__ import annotations

import statistics
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from diagram.kinds import FAMILY

METRICS: Final = (
    "node_f1", "typed_f1", "edge_f1", "edge_und_f1", "triplet_f1", "label_acc", "lane_acc", "text_sim", "exact",
)  # fmt: skip
_FLOW: Final = frozenset({"task", "event", "gateway"})
_ALIKE, _TRIPLET_ALIKE = 0.8, 0.85
_FAMILIES: Final[Mapping[str, str]] = {
    "event": "event", "boundary_event": "event", "start": "event", "end": "event", "gateway": "gateway",
    "group": "annotation", **dict[str, str](FAMILY.items()),
}  # fmt: skip

Json = Mapping[str, Any]
Floats = NDArray[np.float64]
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Counts:
    """Matched, predicted, true. All three figures are 1 where there was nothing to find and nothing was found."""

    hits: int
    predicted: int
    true: int

    @property
    def precision(self) -> float:
        """Share of what was predicted that is right."""
        return self.hits / self.predicted if self.predicted else float(not self.true)

    @property
    def recall(self) -> float:
        """Share of what is true that was found."""
        return self.hits / self.true if self.true else float(not self.predicted)

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True, slots=True)
class Score:
    """One picture's figures. metrics: by name in `METRICS`, None where the truth has nothing of the kind.

    pairs: (true, predicted) ids of matched flow nodes. node_hits, edge_hits: (confidence, whether right) of predicted
    flow nodes and sequence flows that state one.
    """

    metrics: Mapping[str, float | None]
    nodes: Counts
    edges: Counts
    pairs: tuple[tuple[str, str], ...] = ()
    node_hits: tuple[tuple[float, bool], ...] = ()
    edge_hits: tuple[tuple[float, bool], ...] = ()


def score(truth: Json, predicted: Json) -> Score:
    """Compare two graphs in the public JSON form."""
    t, p = _Flow(truth), _Flow(predicted)
    pairs = _match(t, p)
    back = {b: a for a, b in pairs.items()}
    drawn: defaultdict[Pair, list[str]] = defaultdict(list)
    for edge in p.edges:
        drawn[edge.ends].append(edge.text)

    hits = undirected = labelled = labels_right = 0
    seen: Counter[Pair] = Counter()
    for edge in t.edges:
        a, b = pairs.get(edge.source, -1), pairs.get(edge.target, -1)
        hit = seen[edge.ends] < len(drawn.get((a, b), ()))
        seen[edge.ends] += 1
        hits += hit
        undirected += hit or (a >= 0 and b >= 0 and (b, a) in drawn)
        if edge.text:
            labelled += 1
            labels_right += hit and any(similarity(edge.text, text) >= _ALIKE for text in drawn[a, b])

    laned = [(a, b) for a, b in pairs.items() if t.lane[a]]
    lanes_right = sum(similarity(t.lane[a], p.lane[b]) >= _ALIKE for a, b in laned)
    texts = [similarity(t.text[a], p.text[b]) for a, b in pairs.items() if t.text[a]]
    nodes = Counts(len(pairs), len(p.text), len(t.text))
    typed = Counts(sum(t.family[a] == p.family[b] for a, b in pairs.items()), len(p.text), len(t.text))
    edges = Counts(hits, len(p.edges), len(t.edges))
    metrics: dict[str, float | None] = {
        "node_f1": nodes.f1,
        "typed_f1": typed.f1,
        "edge_f1": edges.f1,
        "edge_und_f1": min(1.0, Counts(undirected, len(p.edges), len(t.edges)).f1),
        "triplet_f1": Counts(_triplets(t, p), len(p.edges), len(t.edges)).f1,
        "label_acc": labels_right / labelled if labelled else None,
        "lane_acc": lanes_right / len(laned) if laned else None,
        "text_sim": statistics.fmean(texts) if texts else None,
        "exact": float(nodes.f1 == 1.0 and edges.f1 == 1.0),
    }
    true_ends = Counter(edge.ends for edge in t.edges)
    edge_hits = []
    for edge in p.edges:
        ends = (back.get(edge.source, -1), back.get(edge.target, -1))
        right = true_ends[ends] > 0
        true_ends[ends] -= right
        if edge.confidence is not None:
            edge_hits.append((edge.confidence, right))
    node_hits = tuple((c, i in back) for i, c in enumerate(p.confidence) if c is not None)
    ids = tuple((t.id[a], p.id[b]) for a, b in pairs.items())
    return Score(metrics, nodes, edges, ids, node_hits, tuple(edge_hits))


def macro(scores: Sequence[Score]) -> dict[str, float | None]:
    """Each metric's mean over the pictures that have it."""
    out: dict[str, float | None] = {}
    for name in METRICS:
        values = [value for one in scores if (value := one.metrics[name]) is not None]
        out[name] = statistics.fmean(values) if values else None
    return out


def micro(scores: Sequence[Score]) -> dict[str, float]:
    """F1 of nodes and flows with the counts of all pictures pooled."""
    parts = {"node_f1": [one.nodes for one in scores], "edge_f1": [one.edges for one in scores]}
    return {
        name: Counts(sum(c.hits for c in all_), sum(c.predicted for c in all_), sum(c.true for c in all_)).f1
        for name, all_ in parts.items()
    }


def normal(text: str | None) -> str:
    """Letters and digits only, case folded, ё as е."""
    folded = unicodedata.normalize("NFKC", text or "").casefold().replace("ё", "е")
    return "".join(letter for letter in folded if letter.isalnum())


@lru_cache(maxsize=65536)
def similarity(a: str, b: str) -> float:
    """1 - Levenshtein distance / longer length, of normalised texts; 0 for lengths too far apart to be alike."""
    if a == b:
        return 1.0
    if not a or not b or min(len(a), len(b)) / max(len(a), len(b)) < 0.4:
        return 0.0
    above = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        row = [i]
        for j, other in enumerate(b, 1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != other)))
        above = row
    return 1 - above[-1] / max(len(a), len(b))


@dataclass(frozen=True, slots=True)
class _Edge:
    source: int
    target: int
    text: str  # normalised
    confidence: float | None

    @property
    def ends(self) -> Pair:
        return self.source, self.target


class _Flow:
    """The flow nodes of a graph as columns (id, text, family, box, lane name, confidence), and its sequence flows."""

    def __init__(self, graph: Json) -> None:
        lanes = graph.get("lanes") or []
        names = {lane.get("id"): normal(lane.get("name")) for lane in lanes}
        listed = {node: lane.get("id") for lane in lanes for node in lane.get("nodes") or []}
        nodes = [node for node in graph.get("nodes") or [] if _family(node) in _FLOW]
        self.id = [str(node.get("id")) for node in nodes]
        self.text = [normal(node.get("text")) for node in nodes]
        self.family = [_family(node) for node in nodes]
        self.box = [node.get("bbox") for node in nodes]
        self.confidence: list[float | None] = [node.get("confidence") for node in nodes]
        where = [listed.get(n.get("id")) if n.get("lane") is None else n["lane"] for n in nodes]
        self.lane = [names.get(lane, "") for lane in where]
        index = {node.get("id"): i for i, node in enumerate(nodes)}
        self.edges: list[_Edge] = []
        for edge in graph.get("edges") or []:
            source = index.get(edge.get("source", edge.get("from")))
            target = index.get(edge.get("target", edge.get("to")))
            if (edge.get("kind") or "sequence") == "sequence" and source is not None and target is not None:
                self.edges.append(_Edge(source, target, normal(edge.get("text")), edge.get("confidence")))


def _family(node: Json) -> str:
    return _FAMILIES.get(str(node.get("type", "")).lower(), "task")


def _match(t: _Flow, p: _Flow) -> dict[int, int]:
    """Optimal one-to-one pairs, true index -> predicted index; neighbours of pairs help in the next of four rounds."""
    if not t.text or not p.text:
        return {}
    alike = np.array([[similarity(a, b) if a and b else 0.0 for b in p.text] for a in t.text])
    overlap = np.array([[_iou(a, b) for b in p.box] for a in t.box])
    same = np.array([[a == b for b in p.family] for a in t.family], float)
    bare_true = np.array([not a for a in t.text])[:, None]
    bare = bare_true | np.array([not b for b in p.text])[None, :]
    by_text = alike >= _ALIKE
    near = np.zeros_like(alike)
    pairs: dict[int, int] = {}
    for _ in range(4):
        allowed = by_text | (bare_true & (same > 0) & ((overlap > 0.3) | (near > 0)))
        value = np.where(by_text, 2 + alike, 0) + same * 0.5 + overlap + np.where(bare, near, near * 0.8)
        rows, columns = linear_sum_assignment(np.where(allowed, -value, 0.0))
        found = {int(r): int(c) for r, c in zip(rows, columns, strict=True) if allowed[r, c]}
        near = _neighbours(found, t, p)
        if found == pairs:
            break
        pairs = found
    return pairs


def _neighbours(pairs: Mapping[int, int], t: _Flow, p: _Flow) -> Floats:
    """(true, predicted): share of a true node's flows whose other end is paired with the candidate's other end."""
    share = np.zeros((len(t.text), len(p.text)))
    degree = np.zeros(len(t.text))
    into: defaultdict[int, set[int]] = defaultdict(set)
    out_of: defaultdict[int, set[int]] = defaultdict(set)
    for edge in p.edges:
        out_of[edge.source].add(edge.target)
        into[edge.target].add(edge.source)
    for edge in t.edges:
        degree[[edge.source]] += 1
        degree[[edge.target]] += 1
        share[edge.target, list(out_of.get(pairs.get(edge.source, -1), ()))] += 1
        share[edge.source, list(into.get(pairs.get(edge.target, -1), ()))] += 1
    return np.asarray(share / np.maximum(degree, 1)[:, None], dtype=np.float64)


def _iou(a: Sequence[float] | None, b: Sequence[float] | None) -> float:
    if not a or not b:
        return 0.0
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [max(1e-9, (r[2] - r[0]) * (r[3] - r[1])) for r in (a, b)]
    return width * height / (areas[0] + areas[1] - width * height)


def _triplets(t: _Flow, p: _Flow) -> int:
    """How many true triplets find an alike one of their own."""
    left = [(p.text[e.source], e.text, p.text[e.target]) for e in p.edges]
    hits = 0
    for edge in t.edges:
        wanted = (t.text[edge.source], edge.text, t.text[edge.target])
        for other in left:
            if all(similarity(a, b) >= _TRIPLET_ALIKE for a, b in zip(wanted, other, strict=True)):
                left.remove(other)
                hits += 1
                break
    return hits
