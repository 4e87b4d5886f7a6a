"""Find every closed symbol on a page and the frames around them: propose outlines, choose, tell frames apart.

Knows nothing of BPMN: what a symbol means is decided in `assemble`.
"""

from __future__ import annotations

from collections.abc import Sequence

from vision.candidates import propose
from vision.containers import find_containers
from vision.parts import Page, Scene, TextLine
from vision.selection import HOST, select
from vision.sketch import HOST as SKETCHED
from vision.sketch_frames import tidy
from vision.walls import find_walls


def find_shapes(page: Page, lines: Sequence[TextLine]) -> Scene:
    """All symbols and frames of the page. `lines` are used to tell letters from symbols."""
    walls = find_walls(page, lines)
    shapes = select(propose(page, walls, lines), lines, page.unit, SKETCHED if page.photo else HOST)
    scene = find_containers(page, walls, shapes, lines)
    return tidy(scene, lines, page.unit) if page.photo else scene
