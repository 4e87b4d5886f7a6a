"""Pictures of real Mermaid with truth from the page's own elements: `python data/make/chromium.py --set ru --out DIR`.

Needs Chromium, the Python package `playwright` and a folder with the npm packages m10, m11 and m12 (Mermaid 10, 11 and
12, see data/README.md) named by `MERMAID_DIR`. Where they are missing nothing is made; the pictures are kept in the
repository. Follows `plans/mermaid_SET.txt`: name | process | version | theme | options | what happens afterwards.
Options: `lr`, `neo`, `hand`, `curve=NAME`, `font=FAMILY`, `x2` (device scale), `bg=COLOUR`.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import zlib
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(path) for path in (HERE, HERE.parent.parent) if str(path) not in sys.path]

import degrade  # noqa: E402
import process  # noqa: E402
from diagram.model import Box, Diagram, Edge, Lane, Node, Point  # noqa: E402
from main import save  # noqa: E402

_BRACKETS = {
    "terminator": ("([", "])"), "process": ("[", "]"), "decision": ("{", "}"), "io": ("[/", "/]"),
    "predefined_process": ("[[", "]]"), "document": ("[", "]"), "connector": ("((", "))"),
}  # fmt: skip
_PAGES = {"dark": "#1f2020", "default": "#ffffff", "neutral": "#ffffff", "forest": "#ffffff", "base": "#ffffff"}

_READ = """() => {
  const svg = document.querySelector('#c svg'), o = svg.getBoundingClientRect();
  const box = e => { const r = e.getBoundingClientRect(); return [r.x-o.x, r.y-o.y, r.right-o.x, r.bottom-o.y]; };
  const nodes = {};
  for (const n of svg.querySelectorAll('g.node, g.rough-node')) {
    const shape = n.querySelector('.label-container, rect.basic, polygon, path, circle') || n;
    nodes[n.id] = box(n.querySelector(':scope > .label-container') || shape);
  }
  const ways = [...svg.querySelectorAll('.edgePaths path, path.flowchart-link')];
  const edges = ways.filter((p, i) => ways.indexOf(p) === i)
    .map(p => { const m = p.getScreenCTM(), l = p.getTotalLength(), out = [];
      for (let k = 0; k <= 24; k++) {
        const q = p.getPointAtLength(l*k/24).matrixTransform(m); out.push([q.x-o.x, q.y-o.y]);
      }
      return {id: p.id, cls: p.getAttribute('class'), points: out}; });
  const groups = [...svg.querySelectorAll('g.cluster')]
    .map(g => ({id: g.id, box: box(g.querySelector('rect, path') || g)}));
  return {nodes, edges, groups, size: [o.width, o.height]};
}"""


def source(graph: Diagram, direction: str, version: int) -> str:
    """Mermaid text of a flowchart; lanes become subgraphs."""
    lines = [f"flowchart {direction}"]

    def node(n: Node) -> str:
        text = n.text.replace('"', "#quot;")
        if n.type == "document" and version >= 11:
            return f'  {n.id}@{{ shape: doc, label: "{text}" }}'
        a, b = _BRACKETS.get(n.type, ("[", "]"))
        return f'  {n.id}{a}"{text}"{b}'

    for lane in graph.lanes:
        lines.append(f'  subgraph {lane.id}["{lane.name}"]')
        lines += [node(n) for n in graph.nodes if n.lane == lane.id]
        lines.append("  end")
    lines += [node(n) for n in graph.nodes if n.lane is None]
    for e in graph.edges:
        lines.append(f'  {e.source} -->|"{e.text}"| {e.target}' if e.text else f"  {e.source} --> {e.target}")
    return "\n".join(lines)


def measured(graph: Diagram, page: dict[str, Any], version: int) -> Diagram:
    """The graph with the boxes and ways that the page tells. Raises ValueError when an element is not there."""
    boxes: dict[str, Box] = {}
    for key, box in page["nodes"].items():
        for n in graph.nodes:
            if f"flowchart-{n.id}-" in key:
                boxes[n.id] = tuple(box)
    ways: list[tuple[Point, ...]] = [tuple((x, y) for x, y in e["points"]) for e in page["edges"]]
    if len(boxes) != len(graph.nodes) or len(ways) != len(graph.edges):
        raise ValueError(
            f"{len(boxes)} of {len(graph.nodes)} nodes, {len(ways)} of {len(graph.edges)} flows on the page"
        )
    by_ends = {}
    for e, way in zip(page["edges"], ways, strict=True):
        by_ends[e["id"]] = way
    edges = []
    for k, e in enumerate(graph.edges):
        way = next(
            (
                w
                for key, w in by_ends.items()
                if f"L_{e.source}_{e.target}_" in key or f"L-{e.source}-{e.target}-" in key
            ),
            ways[k],
        )
        edges.append(Edge(e.id, e.source, e.target, e.text, e.kind, way))
    lanes = []
    for lane in graph.lanes:
        found = next(g["box"] for g in page["groups"] if lane.id in g["id"])
        lanes.append(Lane(lane.id, lane.name, lane.parent, tuple(found)))
    from dataclasses import replace

    return graph.replace(
        nodes=tuple(replace(n, bbox=boxes[n.id], type="process" if n.type == "document" and version < 11 else n.type)
                    for n in graph.nodes),
        edges=tuple(edges), lanes=tuple(lanes),
    )  # fmt: skip


def shoot(
    browser: Any, graph: Diagram, version: str, theme: str, words: dict[str, str]
) -> tuple[Image.Image, Diagram]:  # fmt: skip
    """The picture of a graph in Mermaid 10, 11 or 12, and the graph with its places in it. `words`: the options."""
    bundles = Path(os.environ["MERMAID_DIR"])
    back = words.get("bg", _PAGES[theme]).replace("0x", "#")
    page = browser.new_page(device_scale_factor=2 if "x2" in words else 1, viewport={"width": 2200, "height": 1600})
    page.set_content(f'<body style="margin:0;background:{back}"><div id="c" style="display:inline-block"></div></body>')
    page.add_script_tag(path=str(bundles / f"m{version}" / "dist" / "mermaid.min.js"))
    config: dict[str, Any] = {
        "startOnLoad": False, "theme": theme, "deterministicIds": True,
        "flowchart": {"useMaxWidth": False, "curve": words.get("curve", "basis")},
    }  # fmt: skip
    if "curve" not in words and version == "12":
        config["flowchart"] = {"useMaxWidth": False}
    if "font" in words:
        config |= {
            "fontFamily": words["font"].replace("_", " "),
            "themeVariables": {"fontFamily": words["font"].replace("_", " ")},
        }
    if "hand" in words:
        config |= {"look": "handDrawn", "handDrawnSeed": 7}
    elif version == "12" and "classic" in words:
        config |= {"look": "classic", "layout": "dagre"}
    page.evaluate(
        "async ([config, text]) => { mermaid.initialize(config);"
        " const r = await mermaid.render('g', text); document.querySelector('#c').innerHTML = r.svg; }",
        [config, source(graph, "LR" if "lr" in words else "TB", int(version))],
    )
    page.wait_for_timeout(150)
    truth = measured(graph, page.evaluate(_READ), int(version))
    shot = Image.open(io.BytesIO(page.locator("#c svg").first.screenshot())).convert("RGB")
    page.close()
    zoom = 2.0 if "x2" in words else 1.0
    pad = 8 if zoom == 1 else 16
    picture = Image.new("RGB", (shot.width + 2 * pad, shot.height + 2 * pad), back)
    picture.paste(shot, (pad, pad))
    return picture, degrade.carry(truth, (zoom, 0, pad, 0, zoom, pad), digits=6)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--set", default="ru")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    from playwright.sync_api import sync_playwright

    written = process.load(HERE / "processes")
    args.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for raw in (HERE / "plans" / f"mermaid_{args.set}.txt").read_text("utf-8").splitlines():
            parts = [part.strip() for part in raw.partition("#")[0].split("|")]
            if len(parts) < 5 or args.only not in parts[0]:
                continue
            name, which, version, theme, options = parts[:5]
            after = parts[5].split() if len(parts) > 5 else []
            words = dict(word.partition("=")[::2] for word in options.split())
            graph = process.graph(written[which], "flow")
            picture, truth = shoot(browser, graph, version, theme, words)
            matrix = degrade.KEEP
            rng = Random(zlib.crc32(f"after/{name}/{args.seed}".encode()))
            for step in after:
                picture, more = degrade.STEPS[step](picture, rng)
                matrix = degrade.compose(matrix, more)
            facts: dict[str, object] = {
                "process": which, "title": written[which].title, "notation": "flow",
                "look": f"mermaid{version}-{theme}", "layout": options, "after": after,
            }  # fmt: skip
            as_jpeg = bool({"jpeg", "scan"} & set(after))
            save(name, picture, degrade.carry(truth, matrix), args.out, as_jpeg=as_jpeg, facts=facts)
            print(name, picture.size)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
