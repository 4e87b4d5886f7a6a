"""What a model says about a picture, held against what the built-in reader saw in it.

Nodes are matched one to one by text, family and neighbours; flows by their matched ends. Each node and flow of the
result has its evidence: "both", "model" or "vision". A node that only the model has counts as seen by both where its
words were recognised in the picture, as lines that no other node accounts for. Boxes and way points come from the
built-in reader, types, texts and lanes from the model. Confidence is the share of the two readers that saw a thing,
1 or 0.5, and nothing else. Knows nothing of pictures.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from diagram.kinds import FAMILY
from diagram.model import Box, Diagram, Edge, Lane, Node
from vlm.prompt import Line

Evidence = Literal["both", "model", "vision"]
Policy = Literal["flag", "drop"]
CONFIDENCE: Final[Mapping[Evidence, float]] = {"both": 1.0, "model": 0.5, "vision": 0.5}
_ALIKE: Final = 0.8
_NEIGHBOUR: Final = 0.4  # what one common neighbour adds to two nodes without text; two suffice to match them
_ROUNDS: Final = 3  # of matching nodes without text by neighbours that were matched before


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One graph of two readings. nodes, edges: the evidence of each, by id. warnings: steps that nothing bears out."""

    diagram: Diagram
    nodes: Mapping[str, Evidence]
    edges: Mapping[str, Evidence]
    warnings: tuple[str, ...] = ()


def reconcile(model: Diagram, seen: Diagram, lines: Sequence[Line] = (), policy: Policy = "flag") -> Reconciled:
    """The two readings of one picture as one.

    lines: the text recognised in it. policy: whether nodes with words that are nowhere in the picture are kept and
    told of ("flag") or left out ("drop").
    """
    pairs = match(model, seen)
    back = {other: name for name, other in pairs.items()}
    found = _on_page([node for node in model.nodes if node.id not in pairs], lines, seen, set(back))
    lanes = _lanes(model, seen)
    nodes: dict[str, Node] = {}
    evidence: dict[str, Evidence] = {}
    unsupported: list[str] = []
    for node in model.nodes:
        other = seen.node(pairs[node.id]) if node.id in pairs else None
        if other is not None:
            node = replace(node, bbox=other.bbox)
        elif node.id in found:
            node = replace(node, bbox=found[node.id])
        elif normal(node.text):
            unsupported.append(node.text)
            if policy == "drop":
                continue
        evidence[node.id] = "both" if other is not None or node.id in found else "model"
        nodes[node.id] = node
    renamed = {**back, **{lane.id: mine for mine, lane in lanes.items()}}
    taken = {*nodes, *(lane.id for lane in model.lanes)}
    for node in seen.nodes:
        if node.id not in back:
            name = _free(node.id, taken)
            renamed[node.id] = name
            nodes[name] = replace(node, id=name)
            evidence[name] = "vision"
    for name in [name for name, told in evidence.items() if told == "vision"]:
        nodes[name] = _relinked(nodes[name], renamed)
    edges, edge_evidence = _edges(model, seen, nodes, renamed)
    kept = {name: replace(node, confidence=CONFIDENCE[evidence[name]]) for name, node in nodes.items()}
    boxes = {mine: lane.bbox for mine, lane in lanes.items()}
    diagram = model.replace(
        nodes=tuple(_without_lost_links(node, kept) for node in kept.values()),
        edges=tuple(replace(edge, confidence=CONFIDENCE[edge_evidence[edge.id]]) for edge in edges),
        lanes=tuple(replace(lane, bbox=boxes.get(lane.id)) for lane in model.lanes),
    )
    done = "left out" if policy == "drop" else "not found in the picture"
    warnings = tuple(f"named by the model, {done}: {text}" for text in unsupported)
    return Reconciled(diagram, evidence, edge_evidence, warnings)


def match(a: Diagram, b: Diagram) -> dict[str, str]:
    """Ids of `a` -> ids of `b`: nodes whose texts are alike; those without text by family and matched neighbours."""
    if not a.nodes or not b.nodes:
        return {}
    texts = [normal(node.text) for node in a.nodes], [normal(node.text) for node in b.nodes]
    same_family = np.array([[FAMILY[x.type] == FAMILY[y.type] for y in b.nodes] for x in a.nodes])
    alike = np.array([[similarity(x, y) if x and y else 0.0 for y in texts[1]] for x in texts[0]])
    mute = np.array([[not (x and y) for y in texts[1]] for x in texts[0]]) & same_family
    base = np.where(alike >= _ALIKE, alike + 0.5 * same_family, 0.0)
    near_a, near_b = _neighbours(a), _neighbours(b)
    pairs: dict[int, int] = {}
    for _ in range(_ROUNDS):
        score = base.copy()
        for i, near in enumerate(near_a):
            known = {(way, pairs[other]) for way, other in near if other in pairs}
            for j, candidate in enumerate(near_b):
                common = len(known & candidate)
                if mute[i, j] and common:
                    score[i, j] = min(_ALIKE, _NEIGHBOUR * common)
                elif base[i, j]:
                    score[i, j] += 0.01 * common  # tells namesakes apart
        found = _assigned(score)
        if found == pairs:
            break
        pairs = found
    return {a.nodes[i].id: b.nodes[j].id for i, j in pairs.items()}


def similarity(a: str, b: str) -> float:
    """How alike two normalised texts are, in [0, 1]."""
    if min(len(a), len(b)) < 0.6 * max(len(a), len(b)):
        return 0.0
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    return 0.0 if matcher.quick_ratio() < _ALIKE else matcher.ratio()


def normal(text: str) -> str:
    """Letters and digits only, case folded, ё as е."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    return "".join(letter for letter in folded if letter.isalnum())


def _neighbours(diagram: Diagram) -> list[set[tuple[str, int]]]:
    """For each node, in order: the ways ("in", "out") to its neighbours, with their places among the nodes."""
    place = {node.id: i for i, node in enumerate(diagram.nodes)}
    near: list[set[tuple[str, int]]] = [set() for _ in diagram.nodes]
    for edge in diagram.edges:
        if edge.source in place and edge.target in place:
            near[place[edge.source]].add(("out", place[edge.target]))
            near[place[edge.target]].add(("in", place[edge.source]))
    return near


def _assigned(score: NDArray[np.float64]) -> dict[int, int]:
    rows, columns = linear_sum_assignment(score, maximize=True)
    return {int(i): int(j) for i, j in zip(rows, columns, strict=True) if score[i, j] > 0}


def _on_page(nodes: Sequence[Node], lines: Sequence[Line], seen: Diagram, matched: set[str]) -> dict[str, Box]:
    """Nodes whose words were recognised in the picture, outside of the nodes that are accounted for -> their boxes."""
    taken = [node.bbox for node in seen.nodes if node.id in matched and node.bbox is not None]
    free = [line for line in lines if normal(line.text) and not any(_holds(box, line.bbox) for box in taken)]
    found: dict[str, Box] = {}
    for node in nodes:
        wanted = normal(node.text)
        best = _best_run(wanted, free) if wanted else []
        if best:
            found[node.id] = _hull([line.bbox for line in best])
            free = [line for line in free if line not in best]
    return found


def _best_run(wanted: str, lines: Sequence[Line]) -> list[Line]:
    """The lines, taken as parts of one label, that spell the text; none where no lines do."""
    parts = [line for line in lines if normal(line.text) in wanted]
    parts.sort(key=lambda line: (line.bbox[1], line.bbox[0]))
    spelled = [[line] for line in lines] + ([parts] if len(parts) > 1 else [])
    scored = [(similarity(wanted, normal("".join(line.text for line in run))), run) for run in spelled]
    best = max(scored, key=lambda item: item[0], default=(0.0, []))
    return best[1] if best[0] >= _ALIKE else []


def _edges(
    model: Diagram, seen: Diagram, nodes: Mapping[str, Node], renamed: Mapping[str, str]
) -> tuple[list[Edge], dict[str, Evidence]]:
    """The flows of both, each once, and their evidence."""
    ends = {*nodes, *(lane.id for lane in model.lanes)}
    waiting: dict[tuple[str, str], list[Edge]] = defaultdict(list)
    for edge in seen.edges:
        source, target = renamed.get(edge.source), renamed.get(edge.target)
        if source in ends and target in ends:
            waiting[source, target].append(edge)
    edges: list[Edge] = []
    evidence: dict[str, Evidence] = {}
    for edge in model.edges:
        if edge.source not in ends or edge.target not in ends:
            continue
        twins = waiting[edge.source, edge.target]
        evidence[edge.id] = "both" if twins else "model"
        if twins:
            twin = max(twins, key=lambda other: similarity(normal(other.text), normal(edge.text)))
            twins.remove(twin)
            edge = replace(edge, points=twin.points)
        edges.append(edge)
    taken = {*ends, *evidence}
    for (source, target), left in waiting.items():
        for edge in left:
            name = _free(edge.id, taken)
            evidence[name] = "vision"
            edges.append(replace(edge, id=name, source=source, target=target))
    return edges, evidence


def _lanes(model: Diagram, seen: Diagram) -> dict[str, Lane]:
    """Ids of the model's lanes -> the lanes that were seen, by name."""
    if not model.lanes or not seen.lanes:
        return {}
    names = [normal(lane.name) for lane in seen.lanes]
    score = np.array([[similarity(normal(lane.name), name) for name in names] for lane in model.lanes])
    return {model.lanes[i].id: seen.lanes[j] for i, j in _assigned(np.where(score >= _ALIKE, score, 0.0)).items()}


def _relinked(node: Node, renamed: Mapping[str, str]) -> Node:
    """A node of the built-in reader with its links in the names of the result."""

    def link(name: str | None) -> str | None:
        return None if name is None else renamed.get(name)

    return replace(node, lane=link(node.lane), attached_to=link(node.attached_to), parent=link(node.parent))


def _without_lost_links(node: Node, kept: Mapping[str, Node]) -> Node:
    def link(name: str | None) -> str | None:
        return name if name in kept else None

    return replace(node, attached_to=link(node.attached_to), parent=link(node.parent))


def _free(name: str, taken: set[str]) -> str:
    """A name like this one that is not taken; takes it."""
    free, count = name, 1
    while free in taken:
        count += 1
        free = f"{name}v{count}"
    taken.add(free)
    return free


def _holds(outer: Box, inner: Box) -> bool:
    """Whether the middle of a box lies in another."""
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]


def _hull(boxes: Sequence[Box]) -> Box:
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)
