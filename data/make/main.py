"""Makes the check pictures with their truth: `python data/make/main.py --set ru --out data/check/ru --seed 1`.

A plan (`plans/SET.txt`) names for every picture the process, notation, look, layout and what happens to the picture
afterwards. The same seed, fonts and tool versions give the same bytes. `--only PATTERN` makes the pictures whose name
holds the regular expression. Pictures of real Mermaid come from `chromium.py`, which needs a browser.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import cast

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(path) for path in (HERE, HERE.parent.parent) if str(path) not in sys.path]

from PIL import Image  # noqa: E402

import degrade  # noqa: E402
import dot  # noqa: E402
import grid  # noqa: E402
import labels  # noqa: E402
import paint  # noqa: E402
import process  # noqa: E402
from diagram.model import Diagram  # noqa: E402
from process import Notation  # noqa: E402
from scene import Scene  # noqa: E402
from style import LOOKS, Style  # noqa: E402

GAPS = ((46, 40), (60, 52), (76, 60), (52, 72), (96, 80), (120, 90))


@dataclass(frozen=True)
class Order:
    """One line of a plan."""

    name: str
    process: str
    notation: Notation
    look: str
    layout: str
    after: tuple[str, ...] = ()


def read_plan(path: Path) -> list[Order]:
    """The orders of a plan. Raises ValueError on a name given twice or an unknown look or step."""
    out: list[Order] = []
    for raw in path.read_text("utf-8").splitlines():
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        parts = [part.strip() for part in line.split("|")]
        name, which, notation, look, layout = parts[:5]
        after = tuple(parts[5].split()) if len(parts) > 5 else ()
        order = Order(name, which, cast(Notation, notation), look, layout, after)
        if order.look not in LOOKS or not set(order.after) <= set(degrade.STEPS) or order.name in {o.name for o in out}:
            raise ValueError(f"{path.name}: bad line {line!r}")
        out.append(order)
    return out


def compose(order: Order, written: process.Process, seed: int) -> tuple[Scene, Style, paint.Painter, list[str]]:
    """The scene of an order, its style, its painter (scene already on its page) and the faults that are left."""
    number = zlib.crc32(f"{order.name}/{seed}".encode())
    rng = Random(number)
    style = LOOKS[order.look](rng)
    if order.layout.startswith("dot"):  # Graphviz keeps no room for texts outside
        style = replace(style, outside=False)
    numbered = order.look == "corporate" and rng.random() < 0.6
    if not written.suits(order.notation):
        raise ValueError(f"{order.name}: {order.process} cannot be told in this notation")
    graph = process.graph(written, order.notation, numbered=numbered, lanes=order.notation != "flow")
    kinds = {step.id: step.kind for step in written.steps}
    best: tuple[int, Scene, list[str]] | None = None
    for gap in GAPS:
        try:
            scene = arrange(graph, style, kinds, order.layout, gap)
        except RuntimeError:  # Graphviz breaks off now and then, or a flow finds no way: other gaps help
            continue
        left = labels.faults(scene, style)
        if best is None or len(left) < best[0]:
            best = len(left), scene, left
        if not left:
            break
    assert best is not None
    scene = best[1]
    scene.title = written.title
    for wire in scene.wires:
        wire.weight = "main" if wire.edge.kind == "sequence" and style.main_line else ""
    if style.phases and scene.bands:
        scene.phases = phases(scene)
    return scene, style, paint.Painter(scene, style, number), best[2]


def arrange(
    graph: Diagram, style: Style, kinds: dict[str, str], layout: str, gap: tuple[float, float]
) -> Scene:  # fmt: skip
    """Lay out as the plan says. Raises RuntimeError when that fails."""
    kind, _, option = layout.partition(":")
    if kind == "dot":
        lines, _, direction = option.partition(":")
        return dot.lay_out(graph, style, kinds, lines=lines, direction=direction or "TB", gap=gap)  # type: ignore[arg-type]
    return grid.lay_out(graph, style, kinds, down=option == "down", gap=gap)


def phases(scene: Scene) -> list[tuple[float, str]]:
    """Upright lines that part the stages of a drawing, where they cut no node and no label."""
    boxes = [i.box for i in scene.items] + [i.label for i in scene.items if i.label]
    boxes += [w.label for w in scene.wires if w.label]
    out: list[tuple[float, str]] = []
    for third in (1, 2):
        middle = scene.width * third / 3
        for off in range(0, 160, 4):
            x = middle + off
            upright = (p for w in scene.wires for p in zip(w.points, w.points[1:], strict=False))
            if not any(b[0] - 6 < x < b[2] + 6 for b in boxes) and not any(
                abs(a[0] - x) < 8 and abs(b[0] - x) < 8 for a, b in upright
            ):
                out.append((x, ""))
                break
    return out


def make(order: Order, written: process.Process, seed: int, out: Path, *, truth_only: bool = False) -> list[str]:
    """Write NAME.png or .jpg and NAME.json; the faults that are left. `truth_only` writes the JSON alone."""
    scene, style, painter, left = compose(order, written, seed)
    rng = Random(zlib.crc32(f"after/{order.name}/{seed}".encode()))
    zoom = rng.choice([1.0, 1.0, 1.25, 1.5, 2.0]) if scene.width * scene.height < 1.2e6 else 1.0
    if "small" in order.after:
        zoom = 1.0
    if truth_only:  # what happens afterwards moves points by the picture's size alone
        picture = Image.new("RGB", (math.floor(scene.width * zoom + 0.5), math.floor(scene.height * zoom + 0.5)))
    else:
        picture = paint.rasterise(painter.svg(), style, zoom)
    matrix: degrade.Matrix = (zoom, 0, 0, 0, zoom, 0)
    for step in order.after:
        picture, more = degrade.STEPS[step](picture, rng)
        matrix = degrade.compose(matrix, more)
    facts: dict[str, object] = {
        "process": order.process, "title": written.title, "notation": order.notation, "look": order.look,
        "layout": order.layout, "after": list(order.after),
    }  # fmt: skip
    truth, as_jpeg = degrade.carry(scene.truth(), matrix), bool({"jpeg", "scan"} & set(order.after))
    save(order.name, picture, truth, out, as_jpeg=as_jpeg, facts=facts, truth_only=truth_only)
    return left


def save(
    name: str,
    picture: Image.Image,
    truth: Diagram,
    out: Path,
    *,
    as_jpeg: bool,
    facts: dict[str, object],
    truth_only: bool = False,
) -> None:
    """Write the picture and its truth."""
    if not truth_only:
        _save_picture(name, picture, out, as_jpeg)
    data = {
        "image": f"{name}.jpg" if as_jpeg else f"{name}.png", "size": list(picture.size), "source": "made by data/make",
        "licence": "Apache-2.0", **facts,
    }  # fmt: skip
    text = json.dumps({**data, **truth.to_json()}, ensure_ascii=False, separators=(",", ":"))
    (out / f"{name}.json").write_text(_lines(text), "utf-8")


def _save_picture(name: str, picture: Image.Image, out: Path, as_jpeg: bool) -> None:
    for old in (out / f"{name}.png", out / f"{name}.jpg"):
        old.unlink(missing_ok=True)
    file = f"{name}.jpg" if as_jpeg else f"{name}.png"
    if as_jpeg:
        picture.save(out / file, quality=75)
    else:
        few = picture
        if picture.mode == "RGB" and max(picture.size) > 5000:  # long exports are palette pictures here, to stay small
            few = picture.quantize(48, dither=Image.Dither.NONE)
        elif picture.getcolors(256) is not None:
            few = picture.quantize(256, dither=Image.Dither.NONE)  # some transparent ones too
        few.save(out / file, optimize=True)


def _lines(text: str) -> str:
    """One node, flow or lane per line: small files that still show changes."""
    for key in ('"nodes":[', '"edges":[', '"lanes":['):
        text = text.replace(key, f"\n{key}\n")
    return text.replace('},{"id"', '},\n{"id"') + "\n"


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--set", default="ru", help="plan to follow: a file name in data/make/plans")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--truth-only", action="store_true", help="write the JSON files and no pictures")
    parser.add_argument("--installed-fonts", action="store_true", help="leave out looks whose fonts are missing")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    written = process.load(HERE / "processes")
    bad = 0
    for order in read_plan(HERE / "plans" / f"{args.set}.txt"):
        if re.search(args.only, order.name):
            try:
                left = make(order, written[order.process], args.seed, args.out, truth_only=args.truth_only)
            except FileNotFoundError as error:
                if not args.installed_fonts:
                    raise
                print(order.name, "left out:", error)
                continue
            bad += bool(left)
            print(order.name, "; ".join(left))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
