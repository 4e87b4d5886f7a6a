"""Find every closed symbol on a page and the frames around them: propose outlines, choose, tell frames apart.

Knows nothing of BPMN: what a symbol means is decided in `assemble`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vision.boxes import share
from vision.candidates import propose
from vision.containers import find_containers
from vision.parts import Page, Scene, TextLine
from vision.selection import HOST, is_ground, select
from vision.sketch import HOST as SKETCHED
from vision.sketch_frames import tidy
from vision.walls import find_walls


def find_shapes(page: Page, lines: Sequence[TextLine]) -> Scene:
    """All symbols and frames of the page. `lines` are used to tell letters from symbols."""
    walls = find_walls(page, lines)
    chosen = select(propose(page, walls, lines), lines, page.unit, SKETCHED if page.photo else HOST)
    shapes = [shape for shape in chosen if not is_ground(shape, lines, page.unit)]
    patches = [shape.box for shape in chosen if is_ground(shape, lines, page.unit)]
    grounds = tuple(box for box in patches if not any(share(box, shape.box) > 0.5 for shape in shapes))
    scene = replace(find_containers(page, walls, shapes, lines), grounds=grounds)
    return tidy(scene, lines, page.unit) if page.photo else scene
