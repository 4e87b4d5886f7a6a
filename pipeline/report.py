"""The page `diascribe eval` writes: the figures, and for the worst pictures what was found, drawn over them.

One self-contained HTML file: pictures are inlined, everything that was read is escaped, no script, nothing fetched.
Knows nothing of how the figures are made.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

from diagram.errors import DiascribeError
from pipeline.evaluate import Calibration, Row, calibrate, stages, worst
from pipeline.overlay import draw_overlay
from pipeline.score import METRICS, macro, micro
from vision.load import Limits, open_upload

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
 :root {{ color-scheme: light dark }}
 body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }}
 table {{ border-collapse: collapse; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums }}
 th, td {{ padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #8884 }}
 th:first-child, td:first-child {{ text-align: left }}
 figure {{ margin: 2rem 0 }} img {{ max-width: 100%; border: 1px solid #8886 }}
 .scroll {{ overflow-x: auto }} .bad {{ color: #c22 }}
</style></head><body>
<h1>{title}</h1>
{body}
</body></html>
"""


def html_report(title: str, rows: Sequence[Row], pictures: int = 12, limits: Limits | None = None) -> str:
    """The whole page. pictures: of the worst read, how many to show."""
    scores = [row.score for row in rows]
    node_hits = [hit for one in scores for hit in one.node_hits]
    edge_hits = [hit for one in scores for hit in one.edge_hits]
    pooled = micro(scores)
    parts = [
        f"<p>{len(rows)} pictures, {sum(bool(row.failure) for row in rows)} not read.</p>",
        _table(("mean over pictures", *METRICS), [("", *map(_figure, macro(scores).values()))]),
        _table(("all pictures pooled", *pooled), [("", *map(_figure, pooled.values()))]),
        "<h2>Seconds a picture</h2>",
        _table(("stage", "mean"), [(stage, f"{seconds:.3f}") for stage, seconds in stages(rows).items()]),
        "<h2>Confidence</h2>",
        _calibration("nodes", calibrate(node_hits)),
        _calibration("flows", calibrate(edge_hits)),
        "<h2>Read worst</h2>",
        *[_worst(row, limits or Limits()) for row in worst(rows, pictures)],
        "<h2>All pictures</h2>",
        _table(
            ("picture", "node_f1", "edge_f1", "nodes found / predicted / true", "flows", "s", "remarks"),
            [_row(row) for row in sorted(rows, key=lambda row: (row.score.edges.f1, row.name))],
        ),
    ]
    return _PAGE.format(title=escape(title), body="\n".join(parts))


def differences(row: Row) -> dict[str, list[str]]:
    """What is missing and what is too much, in words, per kind."""
    true_nodes = {str(node.get("id")): node for node in row.truth["nodes"]}
    found_nodes = {str(node.get("id")): node for node in row.predicted["nodes"]}
    to_found = dict(row.score.pairs)
    to_true = {b: a for a, b in row.score.pairs}
    true_edges, found_edges = _ends(row.truth), _ends(row.predicted)
    return {
        "nodes missed": [_name(node) for key, node in true_nodes.items() if key not in to_found],
        "nodes too many": [_name(node) for key, node in found_nodes.items() if key not in to_true],
        "flows missed": [
            f"{_name(true_nodes[a])} → {_name(true_nodes[b])}"
            for a, b in true_edges
            if a in true_nodes and b in true_nodes and (to_found.get(a), to_found.get(b)) not in found_edges
        ],
        "flows too many": [
            f"{_name(found_nodes[a])} → {_name(found_nodes[b])}"
            for a, b in found_edges
            if a in found_nodes and b in found_nodes and (to_true.get(a), to_true.get(b)) not in true_edges
        ],
    }


def _ends(graph: Mapping[str, Any]) -> list[tuple[str | None, str | None]]:
    edges = [edge for edge in graph.get("edges") or [] if (edge.get("kind") or "sequence") == "sequence"]
    return [(str(edge.get("source", edge.get("from"))), str(edge.get("target", edge.get("to")))) for edge in edges]


def _name(node: Mapping[str, Any]) -> str:
    kind = str(node.get("type") or "task").replace("_", " ")
    return f"{kind} “{node['text']}”" if node.get("text") else kind


def _worst(row: Row, limits: Limits) -> str:
    lists = "".join(f"<li>{what}: {escape('; '.join(items))}</li>" for what, items in differences(row).items() if items)
    figures = f"node_f1 {row.score.nodes.f1:.2f}, edge_f1 {row.score.edges.f1:.2f}"
    remarks = f' <span class="bad">{escape(row.failure)}</span>' if row.failure else ""
    caption = f"<figcaption><b>{escape(row.name)}</b> {figures}{remarks}<ul>{lists}</ul></figcaption>"
    return f"<figure>{caption}{_picture(row, limits)}</figure>"


def _picture(row: Row, limits: Limits) -> str:
    if row.picture is None or row.found is None:
        return ""
    try:
        image = open_upload(row.picture, limits).page(0)
    except DiascribeError:
        return ""
    drawn = draw_overlay(image, row.found)
    drawn.thumbnail((1600, 1600))
    out = io.BytesIO()
    drawn.save(out, "JPEG", quality=80)
    data = base64.b64encode(out.getvalue()).decode()
    return f'<img alt="what was found, drawn over the picture" src="data:image/jpeg;base64,{data}">'


def _row(row: Row) -> tuple[str, ...]:
    nodes, edges = row.score.nodes, row.score.edges
    return (
        row.name,
        f"{nodes.f1:.2f}",
        f"{edges.f1:.2f}",
        f"{nodes.hits} / {nodes.predicted} / {nodes.true}",
        f"{edges.hits} / {edges.predicted} / {edges.true}",
        "" if row.seconds is None else f"{row.seconds:.2f}",
        "; ".join([row.failure] if row.failure else row.found.warnings if row.found else ()),
    )


def _calibration(what: str, calibration: Calibration) -> str:
    if calibration.ece is None:
        return f"<p>No {what} with a confidence.</p>"
    rows = [
        (f"{b.low:.1f} – {b.high:.1f}", str(b.count), f"{b.confidence:.3f}", f"{b.accuracy:.3f}")
        for b in calibration.bins
    ]
    caption = f"<p>{what}: expected calibration error {calibration.ece:.3f}</p>"
    return caption + _table(("confidence", "count", "mean", "right"), rows)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    line = "<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>"
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table>{line}{body}</table></div>'


def _figure(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
