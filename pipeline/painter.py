"""The worker that draws for the pipeline: `mermaid.native`, and BPMN graphs in BPMN's own symbols.

Runs as `python -m pipeline.painter` under `mermaid.pool`. A request with `"graph": true` brings the JSON of a graph in
place of Mermaid. Knows nothing of how a graph came about.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bpmn.picture import picture
from diagram.model import Diagram
from mermaid import measure, native
from mermaid.worker import Answer


def paint(request: Mapping[str, Any], body: bytes) -> Answer:
    """One picture."""
    if not request.get("graph"):
        return native.render(request, body)
    text = body.decode()
    svg = picture(Diagram.from_json(json.loads(text)), measure.width, measure.wrap)
    return native.finished(svg, request)


if __name__ == "__main__":
    native.main(paint)
