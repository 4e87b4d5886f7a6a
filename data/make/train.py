"""Makes the training diagrams: `python data/make/train.py` writes `data/train` anew, pictures and `metadata.jsonl`.

`plans/train.txt` names for every picture the process, notation, renderer, look, options, what happens afterwards and
the split; the processes are in `processes/train`. `--only PATTERN` makes the pictures whose name holds the regular
expression, `--missing` those that are not there yet (splits and descriptions follow in any case), `--check` makes
nothing and says what is wrong with the folder.
Renderers: `own` and `graphviz` (painted here), `interchange` (own BPMN files), `native` (the product's Mermaid
renderer), `chromium` (real Mermaid, see `chromium.py`; opened only when the plan asks for it). A drawing with a
fault is named, and the command leaves with 1.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import re
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Final, cast

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(path) for path in (HERE, HERE.parent.parent) if str(path) not in sys.path]

from PIL import Image, ImageColor  # noqa: E402

import builtin  # noqa: E402
import corpus  # noqa: E402
import degrade  # noqa: E402
import exchange  # noqa: E402
import labels  # noqa: E402
import main as sets  # noqa: E402
import paint  # noqa: E402
import process  # noqa: E402
from diagram.model import Diagram  # noqa: E402
from diagram.narrate import narrate  # noqa: E402
from process import Notation, Process  # noqa: E402
from style import LOOKS, Style  # noqa: E402

RENDERERS: Final = ("own", "graphviz", "interchange", "native", "chromium")
SOURCE: Final = "made by data/make"
LICENCE: Final = "Apache-2.0"
_MOST_PIXELS: Final = 1_500_000  # larger drawings are not enlarged further
_COLOURS: Final = 64
_SPREADS: Final = (1.0, 1.12, 1.25, 1.4)


@dataclass(frozen=True)
class Order:
    """One line of the plan. `split`: "train", or "heldout" for the look of a process that is kept for queries."""

    name: str
    process: str
    notation: Notation
    renderer: str
    look: str
    options: str
    after: tuple[str, ...]
    split: str


def read_plan(path: Path) -> list[Order]:
    """The orders. Raises ValueError on a line that cannot be followed or a name given twice."""
    out: dict[str, Order] = {}
    for raw in path.read_text("utf-8").splitlines():
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        name, which, notation, renderer, look, options, after, split = (part.strip() for part in line.split("|"))
        order = Order(name, which, cast(Notation, notation), renderer, look, options, tuple(after.split()), split)
        known = renderer in ("native", "chromium") or look in LOOKS
        if renderer not in RENDERERS or not known or not set(order.after) <= set(degrade.STEPS) or name in out:
            raise ValueError(f"{path.name}: bad line {line!r}")
        if split not in ("train", "heldout"):
            raise ValueError(f"{path.name}: unknown split in {line!r}")
        out[name] = order
    return list(out.values())


class Maker:
    """Draws orders. Holds the browser, which is started by the first order that needs it."""

    def __init__(self, written: dict[str, Process], seed: int, closing: contextlib.ExitStack) -> None:
        self.written, self.seed, self._closing = written, seed, closing
        self._browser: Any = None

    def draw(self, order: Order) -> tuple[Image.Image, Diagram, list[str]]:
        """The picture, its graph with places, and the faults of the drawing."""
        if order.renderer in ("own", "graphviz"):
            return self._painted(order)
        if order.renderer == "interchange":
            return self._exchanged(order)
        graph = self._graph(order)
        words = dict(word.partition("=")[::2] for word in order.options.split())
        if order.renderer == "native":
            zoom = float(words.get("zoom", 1.0))
            return *builtin.draw(graph, order.look, "LR" if "lr" in words else "TB", zoom), []
        import chromium

        version, _, theme = order.look.partition("-")
        graph = graph.replace(
            nodes=tuple(replace(node, lane=None if node.lane == "pool" else node.lane) for node in graph.nodes),
            lanes=tuple(replace(lane, parent=None) for lane in graph.lanes if lane.id != "pool"),
        )
        return *chromium.shoot(self._chromium(), graph, version, theme, words), []

    def _graph(self, order: Order) -> Diagram:
        written = self.written[order.process]
        if not written.suits(order.notation):
            raise ValueError(f"{order.name}: {order.process} cannot be told in this notation")
        return process.graph(written, order.notation, lanes=order.notation != "flow")

    def _painted(self, order: Order) -> tuple[Image.Image, Diagram, list[str]]:
        asked = sets.Order(order.name, order.process, order.notation, order.look, order.options, order.after)
        scene, style, painter, left = sets.compose(asked, self.written[order.process], self.seed)
        painter.style = style = legible(style)
        return *self._rasterised(order, scene, style, painter), left

    def _exchanged(self, order: Order) -> tuple[Image.Image, Diagram, list[str]]:
        number = zlib.crc32(f"{order.name}/{self.seed}".encode())
        written = self.written[order.process]
        letters = 14.0 if order.look == "sketch" else 11.5  # the file's boxes have the sizes that modellers give them
        style = legible(replace(LOOKS[order.look](Random(number)), size=letters, label_size=letters - 0.5))
        kinds = {step.id: step.kind for step in written.steps}
        graph = process.graph(written, "bpmn")
        routed = order.options == "routed"
        nested = any(node.parent for node in graph.nodes)  # an expanded box does not grow
        for spread in _SPREADS if routed and not nested else (1.0,):
            scene = exchange.lay_out(graph, style, kinds, routed=routed, spread=spread)
            left = labels.faults(scene, style)
            if not left:
                break
        scene.title = written.title
        return *self._rasterised(order, scene, style, paint.Painter(scene, style, number)), left

    def _rasterised(
        self, order: Order, scene: Any, style: Any, painter: paint.Painter
    ) -> tuple[Image.Image, Diagram]:  # fmt: skip
        rng = Random(zlib.crc32(f"zoom/{order.name}/{self.seed}".encode()))
        zoom = rng.choice([1.0, 1.0, 1.25, 1.5])
        zoom = max(1.0, min(zoom, math.sqrt(_MOST_PIXELS / (scene.width * scene.height))))
        return paint.rasterise(painter.svg(), style, zoom), degrade.carry(scene.truth(), (zoom, 0, 0, 0, zoom, 0))

    def _chromium(self) -> Any:
        if self._browser is None:
            from playwright.sync_api import sync_playwright

            play = self._closing.enter_context(sync_playwright())
            self._browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            self._closing.callback(self._browser.close)
        return self._browser


def legible(style: Style) -> Style:
    """The style with black or white letters where its own can hardly be read on its shapes.

    On dark shapes of a light page marks within BPMN symbols would not be seen: these stay white.
    """
    paper, ink = _light(style.fill), _light(style.ink)
    if paper < 0.3 < _light(style.page):
        gateways = (f"gateway_{kind}" for kind in ("exclusive", "parallel", "inclusive", "event"))
        events = dict.fromkeys(("start_event", "intermediate_event", "end_event"), "#ffffff")
        style = replace(
            style, fills={**style.fills, **dict.fromkeys(gateways, "#ffffff")}, event_fill=events, icons=False
        )
    if (max(paper, ink) + 0.05) / (min(paper, ink) + 0.05) >= 3:
        return style
    return replace(style, ink="#ffffff" if paper < 0.3 else "#000000")


def _light(colour: str) -> float:
    """Relative luminance of `#rrggbb`, 0 to 1 (WCAG)."""
    red, green, blue = ((v / 255) ** 2.2 for v in ImageColor.getrgb(colour)[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def make(maker: Maker, order: Order, out: Path) -> tuple[dict[str, Any], list[str]]:
    """Write the picture; its row of the metadata and the faults that are left."""
    picture, truth, left = maker.draw(order)
    rng = Random(zlib.crc32(f"after/{order.name}/{maker.seed}".encode()))
    matrix = degrade.KEEP
    for step in order.after:
        picture, more = degrade.STEPS[step](picture, rng)
        matrix = degrade.compose(matrix, more)
    truth = degrade.carry(truth, matrix)
    for old in (out / f"{order.name}.png", out / f"{order.name}.jpg"):
        old.unlink(missing_ok=True)
    file = f"{order.name}.jpg" if "jpeg" in order.after else f"{order.name}.png"
    if "jpeg" in order.after:
        picture.save(out / file, quality=70, optimize=True)
    else:
        _palette(picture).save(out / file, optimize=True)
    written = maker.written[order.process]
    row = {
        "file_name": file, "id": order.name, "title": written.title, "language": truth.language, "kind": truth.kind,
        "process": order.process, "domain": written.domain, "notation": order.notation, "renderer": order.renderer,
        "look": order.look, "options": order.options, "after": " ".join(order.after), "split": order.split,
        "width": picture.width, "height": picture.height, "source": SOURCE, "licence": LICENCE,
        "description": narrate(truth).text,
        "graph": json.dumps(truth.to_json(), ensure_ascii=False, separators=(",", ":")),
    }  # fmt: skip
    return row, left


def _palette(picture: Image.Image) -> Image.Image:
    """Few colours, to stay small; greys stay grey."""
    red, green, blue = picture.convert("RGB").split()
    if red.tobytes() == green.tobytes() == blue.tobytes():
        return red.point([round(v / 17) * 17 for v in range(256)]).quantize(16, dither=Image.Dither.NONE)
    return picture.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)


def wanted(plan: list[Order], out: Path, only: str, *, missing: bool) -> Iterator[Order]:
    """The orders to follow now."""
    there = {str(row["id"]) for row in corpus.rows(out)} if missing else set()
    for order in plan:
        if re.search(only, order.name) and order.name not in there:
            yield order


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE.parent / "train")
    parser.add_argument("--plan", type=Path, default=HERE / "plans" / "train.txt")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="regular expression: only pictures whose name holds it")
    parser.add_argument("--missing", action="store_true", help="only pictures that are not there yet")
    parser.add_argument("--check", action="store_true", help="make nothing, say what is wrong with the folder")
    args = parser.parse_args()
    plan = read_plan(args.plan)
    if args.check:
        wrong = corpus.check(args.out)
        wrong += [f"{name}: differs between plan and folder" for name in
                  {order.name for order in plan} ^ {str(row["id"]) for row in corpus.rows(args.out)}]  # fmt: skip
        print("\n".join(wrong) or f"{len(plan)} pictures, nothing wrong")
        return 1 if wrong else 0
    args.out.mkdir(parents=True, exist_ok=True)
    known = {str(row["id"]): row for row in corpus.rows(args.out)}
    for order in plan:  # what of a row is no matter of the picture
        if order.name in known:
            row = known[order.name]
            row["split"], row["description"] = order.split, narrate(Diagram.from_json(json.loads(row["graph"]))).text
    bad = 0
    with contextlib.ExitStack() as closing:
        maker = Maker(process.load(HERE / "processes" / "train"), args.seed, closing)
        for order in wanted(plan, args.out, args.only, missing=args.missing):
            known[order.name], left = make(maker, order, args.out)
            corpus.write(args.out, [known[each.name] for each in plan if each.name in known])
            bad += bool(left)
            print(order.name, "; ".join(left), flush=True)
    corpus.write(args.out, [known[each.name] for each in plan if each.name in known])
    corpus.prune(args.out)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
