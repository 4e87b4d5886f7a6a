"""Find every closed symbol on a page and the frames around them: propose outlines, choose, tell frames apart.

Knows nothing of BPMN: what a symbol means is decided in `assemble`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vision.boxes import area, share
from vision.candidates import propose
from vision.containers import find_containers
from vision.grounds import grounds
from vision.parts import Box, Page, Scene, Shape, TextLine
from vision.selection import HOST, holds_label, is_ground, select
from vision.sketch import HOST as SKETCHED
from vision.sketch_frames import tidy
from vision.walls import find_walls


def find_shapes(page: Page, lines: Sequence[TextLine]) -> Scene:
    """All symbols and frames of the page. `lines` are used to tell letters from symbols."""
    walls = find_walls(page, lines)
    proposed = propose(page, walls, lines)
    chosen = select(proposed, lines, page.unit, SKETCHED if page.photo else HOST)
    shapes = [shape for shape in chosen if not is_ground(shape, lines, page.unit)]
    patches = [shape for shape in chosen if is_ground(shape, lines, page.unit)]
    patches += [shape for shape in proposed if holds_label(shape, lines, page.unit)]
    boxes = [*(patch.box for patch in patches), *grounds(page, lines, shapes)]
    scene = replace(find_containers(page, walls, shapes, lines), grounds=_distinct(boxes, shapes))
    return tidy(scene, lines, page.unit) if page.photo else scene


def _distinct(patches: Sequence[Box], shapes: Sequence[Shape]) -> tuple[Box, ...]:
    """The patches that are part of no symbol, each place once."""
    kept: list[Box] = []
    for patch in sorted(patches, key=lambda box: -area(box)):
        if not any(share(patch, box) > 0.5 for box in [*kept, *(shape.box for shape in shapes)]):
            kept.append(patch)
    return tuple(kept)
