"""The embedder without weights: words, structure and layout of the graph, in 768 numbers.

| part | numbers | weight | what |
|---|---|---|---|
| words | 384 | 0.50 | hashed words, pairs of words and letter triples and quadruples of all texts and the title |
| structure | 96 | 0.25 | hashed counts of types, flows between types, branching, lanes |
| layout | 288 | 0.25 | where boxes, small symbols and flows lie, each on a grid of 12 x 8 over the drawing |

Each part has length 1, so the similarity of two pictures is 0.50 of that of their words + 0.25 structure + 0.25 layout
(a part that is empty, such as the layout of a graph without boxes, leaves its weight to the others). Letter groups keep
Russian endings and small misreadings alike. Hashes are fixed, so vectors agree between machines. A text has the words
part only. A picture whose graph is not known is read by the reader that is handed in. Knows nothing of pixels.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from diagram.kinds import FAMILY, Family
from diagram.model import Box, Diagram
from retrieval.embedder import Picture, Vectors, normalised

Floats = NDArray[np.float64]

WORDS: Final = 384
STRUCTURE: Final = 96
COLUMNS, ROWS = 12, 8
LAYOUT: Final = 3 * ROWS * COLUMNS
WEIGHTS: Final = (0.5, 0.25, 0.25)
_LAYER: Final[Mapping[Family, int]] = {"task": 0, "data": 0, "annotation": 0, "event": 1, "gateway": 1}
_FLOWS: Final = 2


class BuiltinEmbedder:
    """Embeds graphs. read: gives the graph of a picture that comes without one."""

    name = "builtin"
    dim = WORDS + STRUCTURE + LAYOUT
    close = 0.7  # other processes stay below .69 in 19 of 20 pictures; the same one redrawn is above .84 in as many
    fingerprint = f"builtin/2 words {WORDS} structure {STRUCTURE} layout {LAYOUT} weights {WEIGHTS}"

    def __init__(self, read: Callable[[Image.Image], Diagram]) -> None:
        self._read = read

    def embed(self, pictures: Sequence[Picture]) -> Vectors:
        """A vector of each picture; zeros for a picture without a diagram."""
        return normalised(np.array([self._row(picture) for picture in pictures]).reshape(-1, self.dim))

    def _row(self, picture: Picture) -> Floats:
        graph = picture.diagram or self._read(picture.load())
        return _joined(words([*texts(graph), picture.title]), structure(graph), layout(graph))

    def embed_text(self, texts: Sequence[str]) -> Vectors:
        """A vector of each text: its words."""
        nothing = np.zeros(STRUCTURE), np.zeros(LAYOUT)
        return normalised(np.array([_joined(words([text]), *nothing) for text in texts]).reshape(-1, self.dim))


def texts(diagram: Diagram) -> Iterator[str]:
    """Everything that is written in the diagram."""
    yield from (node.text for node in diagram.nodes)
    yield from (edge.text for edge in diagram.edges)
    yield from (lane.name for lane in diagram.lanes)


def words(lines: Iterable[str]) -> Floats:
    """(WORDS,) hashed words, neighbouring words and letter groups; counts enter as 1 + log."""
    counts: Counter[str] = Counter()
    for line in lines:
        found = re.findall(r"\w+", line.casefold().replace("ё", "е"))
        counts.update("w" + word for word in found)
        counts.update(f"b{a}_{b}" for a, b in pairwise(found))
        for word in found:
            padded = f" {word} "
            counts.update(padded[i : i + n] for n in (3, 4) for i in range(len(padded) - n + 1))
    return _hashed({what: 1 + math.log(count) for what, count in counts.items()}, WORDS)


def structure(diagram: Diagram) -> Floats:
    """(STRUCTURE,) hashed counts, each as log(1 + count)."""
    types = {node.id: node.type for node in diagram.nodes}
    families = {node.id: FAMILY[node.type] for node in diagram.nodes}
    into: Counter[str] = Counter()
    out: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for node in diagram.nodes:
        counts.update((f"type {node.type}", f"family {FAMILY[node.type]}"))
        counts["attached"] += node.attached_to is not None
        counts["inside"] += node.parent is not None
        if node.trigger:
            counts[f"trigger {node.type} {node.trigger}"] += 1
    for edge in diagram.edges:
        counts[f"kind {edge.kind}"] += 1
        counts["named flow"] += bool(edge.text)
        if edge.kind == "sequence":
            counts[f"flow {types[edge.source]} {types[edge.target]}"] += 1
            out[edge.source] += 1
            into[edge.target] += 1
        else:
            ends = families.get(edge.source, "lane"), families.get(edge.target, "lane")
            counts[f"{edge.kind} {ends}"] += 1
    for key, name in types.items():
        counts[f"degree {name} {min(into[key], 3)} {min(out[key], 3)}"] += 1
    counts["nodes"] = len(diagram.nodes)
    counts["edges"] = len(diagram.edges)
    counts["lanes"] = len(diagram.lanes)
    counts["pools"] = sum(lane.parent is None for lane in diagram.lanes)
    return _hashed({what: math.log1p(count) for what, count in counts.items() if count}, STRUCTURE)


def layout(diagram: Diagram) -> Floats:
    """(LAYOUT,) soft pictures, ROWS x COLUMNS each, of boxes, events and gateways, flows; the nodes span the grid."""
    placed = [(node.bbox, _LAYER[FAMILY[node.type]]) for node in diagram.nodes if node.bbox]
    if not placed:
        return np.zeros(LAYOUT)
    x0, y0 = (min(box[i] for box, _ in placed) for i in (0, 1))
    x1, y1 = (max(box[i] for box, _ in placed) for i in (2, 3))
    wide, high = max(1.0, x1 - x0), max(1.0, y1 - y0)
    spots = [(layer, *_middle(box), 1.0) for box, layer in placed]
    for edge in diagram.edges:
        for a, b in pairwise(edge.points):
            weight = 0.5 * min(1.0, 4 * math.dist(a, b) / wide)
            spots.append((_FLOWS, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, weight))
    table = np.array(spots)
    column = np.exp(-((np.arange(COLUMNS) - (table[:, 1:2] - x0) / wide * (COLUMNS - 1)) ** 2) / 2)
    row = np.exp(-((np.arange(ROWS) - (table[:, 2:3] - y0) / high * (ROWS - 1)) ** 2) / 2)
    layers = [
        np.einsum("n,ny,nx->yx", table[chosen, 3], row[chosen], column[chosen])
        for chosen in (table[:, 0] == layer for layer in range(3))
    ]
    return np.asarray(np.sqrt(np.concatenate(layers)).ravel(), np.float64)


def _middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _hashed(features: Mapping[str, float], size: int) -> Floats:
    """The features added up, with signs, at places that their names give (Weinberger et al. 2009)."""
    vector = np.zeros(size)
    for name, value in features.items():
        number = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")
        vector[(number >> 1) % size] += value if number & 1 else -value
    return vector


def _joined(*parts: Floats) -> Floats:
    lengths = [float(np.linalg.norm(part)) for part in parts]
    return np.concatenate(
        [
            part * (math.sqrt(weight) / (length or 1.0))
            for part, weight, length in zip(parts, WEIGHTS, lengths, strict=True)
        ]
    )
