"""A scene in a style as SVG text, and the SVG as a picture. Boxes of the truth are moved with the drawing."""

from __future__ import annotations

import io
import math
from html import escape
from pathlib import Path
from random import Random

from PIL import Image

from diagram.model import Box, Point
from measure import LINE, gateway, label_size
from scene import Item, Scene, Wire, flatten
from shapes import Line, ellipse, event_icon, outline, rough, rounded, task_icon
from style import Style
from text import FONTS, font_file, widest, wrap

TITLE = 44


class Painter:
    """Collects the SVG of one scene; `svg()` gives the whole."""

    def __init__(self, scene: Scene, style: Style, seed: int, *, margin: float = 20) -> None:
        self.scene, self.style, self.rng = scene, style, Random(seed)
        self.out: list[str] = []
        self.defs: dict[str, str] = {}
        self.laid: list[Line] = []
        self._fit(margin)

    def _fit(self, margin: float) -> None:
        """Move the scene so that everything is on the page with a margin."""
        scene = self.scene
        boxes: list[Box] = [i.box for i in scene.items] + [b.box for b in scene.bands]
        boxes += [i.label for i in scene.items if i.label] + [w.label for w in scene.wires if w.label]
        for wire in scene.wires:
            boxes += [(x, y, x, y) for x, y in flatten(wire)]
        x0, y0 = min(b[0] for b in boxes), min(b[1] for b in boxes)
        x1, y1 = max(b[2] for b in boxes), max(b[3] for b in boxes)
        top = margin + (TITLE if self.style.title else 0)
        scene.move(margin - x0, top - y0)
        scene.width, scene.height = math.ceil(x1 - x0 + 2 * margin), math.ceil(y1 - y0 + margin + top)

    def svg(self) -> str:
        """The drawing."""
        s, scene = self.style, self.scene
        w, h = scene.width, scene.height
        self.out.append(f'<rect width="{w}" height="{h}" fill="{s.page}"/>')
        if s.grid:
            for k in range(0, int(max(w, h)), 10):
                self.out.append(
                    f'<path d="M{k} 0V{h}M0 {k}H{w}" stroke="{s.grid}" stroke-width="{0.9 if k % 40 == 0 else 0.4}"/>'
                )
        if s.title:
            self._title()
        parents = {band.lane.parent for band in scene.bands}
        leaves = [band for band in scene.bands if band.lane.id not in parents]
        for band in scene.bands:
            fill = s.band_fill
            if s.lane_fills and band in leaves:
                fill = s.lane_fills[leaves.index(band) % len(s.lane_fills)]
            self._band(band.box, band.header, band.lane.name, band.turned, fill)
        for x, _ in scene.phases:
            top, bottom = min(b.box[1] for b in scene.bands), max(b.box[3] for b in scene.bands)
            self._stroke([(x, top), (x, bottom)], s.band_stroke, 1, dash="7 5")
        for item in scene.items:
            if item.kind == "box":
                self._item(item)
        for wire in scene.wires:
            self._wire(wire)
        for item in sorted(scene.items, key=lambda i: bool(i.node.attached_to)):
            if item.kind != "box":
                self._item(item)
        for wire in scene.wires:
            if wire.label and wire.lines:
                self._label(wire)
        head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}">'
        return f"{head}<defs>{''.join(self.defs.values())}</defs>{''.join(self.out)}</svg>"

    # -- strokes ------------------------------------------------------------------------------------------------

    def _path(
        self, points: Line, stroke: str, width: float, fill: str = "none", dash: str = "", more: str = ""
    ) -> None:
        d = "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in points)
        if len(points) > 2 and points[0] == points[-1]:
            d += "Z"
        attr = f' stroke-dasharray="{dash}"' if dash else ""
        self.out.append(
            f'<path d="{d}" fill="{fill}" stroke="{stroke}" stroke-width="{width}" '
            f'stroke-linejoin="round"{attr}{more}/>'
        )

    def _stroke(self, points: Line, stroke: str, width: float, fill: str = "none", dash: str = "") -> None:
        """A line, by ruler or by hand."""
        if not self.style.sketch:
            self._path(points, stroke, width, fill, dash)
            return
        if fill != "none":
            self._path(points, "none", 0, fill)
        for _ in range(1 if dash else 2):
            self._path(rough(points, self.style.sketch, self.rng), stroke, width * 0.8, dash=dash)

    def _text(
        self, lines: tuple[str, ...], cx: float, cy: float, size: float, ink: str, *, anchor: str = "middle",
        bold: bool = False, turn: bool = False,
    ) -> None:  # fmt: skip
        _, family, heavy = FONTS[self.style.font]
        weight = ' font-weight="bold"' if bold or heavy else ""
        spin = f' transform="rotate(-90 {cx:.2f} {cy:.2f})"' if turn else ""
        self.out.append(
            f'<g font-family="{family}" font-size="{size}" fill="{ink}" text-anchor="{anchor}"{weight}{spin}>'
        )
        y = cy - len(lines) * size * LINE / 2 + size * 0.94
        for line in lines:
            self.out.append(f'<text x="{cx:.2f}" y="{y:.2f}">{escape(line)}</text>')
            y += size * LINE
        self.out.append("</g>")

    # -- parts --------------------------------------------------------------------------------------------------

    def _title(self) -> None:
        s, scene = self.style, self.scene
        for height, fill in ((scene.height - 8, "none"), (TITLE - 14, s.title_fill)):
            self.out.append(
                f'<rect x="4" y="4" width="{scene.width - 8}" height="{height}" fill="{fill}" '
                f'stroke="{s.band_stroke}"/>'
            )
        ink = "#1a1a1a" if s.title_fill in ("#f2f2f2", "#d9d9d9") else s.title_ink
        size = s.size + 3
        while widest((scene.title,), s.font, size) > scene.width - 30:
            size -= 0.5
        self._text((scene.title,), scene.width / 2, 4 + (TITLE - 14) / 2, size, ink, bold=True)

    def _band(self, box: Box, header: Box | None, name: str, turned: bool, fill: str) -> None:
        s = self.style
        self._stroke(rounded(box, 0), s.band_stroke, s.band_width, fill)
        if header:
            self._stroke(rounded(header, 0), s.band_stroke, s.band_width, s.header_fill)
        x0, y0, x1, y1 = header or box
        room = (y1 - y0 if turned else x1 - x0) - 10
        ink = (s.header_ink or s.ink) if header else s.ink
        size = s.size
        lines = wrap(name, s.font, size, room)
        while len(lines) * size * LINE > ((x1 - x0) if turned else (y1 - y0)) - 2 and size > 8:
            size -= 0.5
            lines = wrap(name, s.font, size, room)
        self._text(lines, (x0 + x1) / 2, (y0 + y1) / 2, size, ink, turn=turned and header is not None)

    def _paint(self, fill: str) -> str:
        """The fill itself, or a gradient made of it."""
        g = self.style.gradient
        if not g or fill == "none":
            return fill
        key = f"g{len(self.defs)}{fill[1:]}"
        for name in self.defs:
            if name.endswith(fill[1:]) and name.startswith("g"):
                return f"url(#{name})"
        light, dark = _mix(fill, "#ffffff", g), _mix(fill, "#000000", g * 0.35)
        self.defs[key] = (
            f'<linearGradient id="{key}" x1="0" y1="0" x2="{0.3 if self.style.bevel else 0}" y2="1">'
            f'<stop offset="0" stop-color="{light}"/><stop offset="1" stop-color="{dark}"/></linearGradient>'
        )
        return f"url(#{key})"

    def _item(self, item: Item) -> None:
        s, node = self.style, item.node
        kind, box = node.type, item.box
        bpmn = self.scene.diagram.kind == "bpmn"
        x0, y0, x1, y1 = box
        fill = s.fills.get(kind, s.fill)
        stroke = s.strokes.get(kind, s.stroke)
        ink = s.inks.get(kind, s.ink)
        if kind == "gateway_parallel" and not bpmn:  # fork or join bar
            self._stroke(rounded(box, 0), stroke, 0.5, stroke)
        elif kind in ("start_event", "end_event") and not bpmn:
            self._stroke(ellipse(box), stroke, s.border, stroke if kind == "start_event" else s.page)
            if kind == "end_event":
                self._stroke(ellipse((x0 + 5, y0 + 5, x1 - 5, y1 - 5)), stroke, 0.5, stroke)
        else:
            shape, details = outline(kind, box, s.radius, s.terminator)
            if kind.endswith("event"):
                fill = s.event_fill.get(kind, fill if s.fills or s.page != "#ffffff" else "#ffffff")
                stroke = s.event_stroke.get(kind, stroke)
            elif bpmn and kind in ("data_object", "data_store"):
                fill = s.fills.get(kind, "#ffffff" if s.page == "#ffffff" else fill)
            if kind == "annotation":
                fill = "none"
            if s.shadow and kind != "annotation" and item.kind != "box":
                self._shadow(shape)
            width = s.border * (2.2 if kind == "end_event" else 1)
            if node.type == "subprocess" and item.kind == "call":
                width *= 2.4
            self._stroke(shape, stroke, width, s.page if item.kind == "box" else self._paint(fill))
            for line in details:
                self._stroke(line, ink if ink == "#ffffff" and fill != "#ffffff" else stroke, s.border)
            if s.bevel and not s.sketch and kind in ("process", "task", "terminator", "predefined_process"):
                self._path(
                    [(x0 + 3, y1 - 3), (x0 + 3, y0 + 3), (x1 - 3, y0 + 3)], "#ffffff", 1.4, more=' opacity="0.7"'
                )
                self._path(
                    [(x0 + 3, y1 - 2), (x1 - 2, y1 - 2), (x1 - 2, y0 + 3)], "#000000", 1.4, more=' opacity="0.25"'
                )
            if s.stripe and kind in ("task", "subprocess") and item.kind != "box":
                self.out.append(f'<rect x="{x0 + 1}" y="{y0 + 4}" width="5" height="{y1 - y0 - 8}" fill="{s.stripe}"/>')
            if bpmn:
                self._marks(item, stroke, fill)
        if item.label and item.lines:
            a, b, c, d = item.label
            self._text(
                item.lines,
                (a + c) / 2,
                (b + d) / 2,
                label_size(s),
                s.label_ink or (s.ink if s.ink != "#ffffff" else "#222222"),
            )
        elif item.lines and item.kind == "box":
            self._text(wrap(node.text, s.font, s.size, x1 - x0 - 20), (x0 + x1) / 2, y0 + s.size * 1.1, s.size, ink)
        elif item.lines:
            cx, cy = item.centre
            if kind == "annotation":
                self._text(item.lines, x0 + 6, cy, s.size, ink, anchor="start")
                return
            cy += {"document": -5.0, "subprocess": -6.0}.get(kind, 0.0)
            if bpmn and s.icons and task_icon(item.kind, 0, 0):
                cy += 5
            self._text(item.lines, cx, cy, s.size, ink)

    def _shadow(self, shape: Line) -> None:
        s = self.style
        moved = [(x + s.shadow, y + s.shadow) for x, y in shape]
        if s.soft:
            self.defs["blur"] = (
                '<filter id="blur" x="-20%" y="-20%" width="150%" height="150%">'
                '<feGaussianBlur stdDeviation="2"/></filter>'
            )
            self._path(moved, "none", 0, "#000000", more=' opacity="0.35" filter="url(#blur)"')
        else:
            self._path(moved, "none", 0, "#9a9a9a")

    def _marks(self, item: Item, stroke: str, fill: str) -> None:
        s, kind = self.style, item.node.type
        x0, y0, x1, y1 = item.box
        cx, cy = item.centre
        r = (x1 - x0) / 2
        thin = max(1.0, s.border * 0.8)
        if kind == "intermediate_event":
            self._stroke(ellipse((x0 + 4, y0 + 4, x1 - 4, y1 - 4)), stroke, thin)
        if item.node.trigger == "terminate":
            self._stroke(ellipse((cx - r * 0.6, cy - r * 0.6, cx + r * 0.6, cy + r * 0.6)), stroke, thin, stroke)
        elif item.node.trigger:
            lines, solid = event_icon(item.node.trigger, item.box)
            dark = kind == "end_event" or item.kind == "throw"
            for k, line in enumerate(lines):
                ink = ("#ffffff" if s.page == "#ffffff" else s.page) if dark and k and solid else stroke
                self._stroke(line, ink, thin, stroke if dark and solid and k == 0 else "none")
        if gateway(item.node):
            q = r * 0.36
            if kind == "gateway_parallel":
                self._stroke([(cx - q * 1.3, cy), (cx + q * 1.3, cy)], stroke, s.border * 1.6)
                self._stroke([(cx, cy - q * 1.3), (cx, cy + q * 1.3)], stroke, s.border * 1.6)
            elif kind == "gateway_exclusive" and s.xor_mark:
                self._stroke([(cx - q, cy - q), (cx + q, cy + q)], stroke, s.border * 1.6)
                self._stroke([(cx - q, cy + q), (cx + q, cy - q)], stroke, s.border * 1.6)
            elif kind == "gateway_inclusive":
                self._stroke(ellipse((cx - q * 1.2, cy - q * 1.2, cx + q * 1.2, cy + q * 1.2)), stroke, s.border * 1.4)
            elif kind == "gateway_event":
                for ring in (1.45 * q, 1.2 * q):
                    self._stroke(ellipse((cx - ring, cy - ring, cx + ring, cy + ring)), stroke, thin)
                star = [(cx + q * 0.8 * math.sin(k * 1.2566), cy - q * 0.8 * math.cos(k * 1.2566)) for k in range(6)]
                self._stroke([*star[:5], star[0]], stroke, thin)
        if s.icons and kind == "task":
            for k, line in enumerate(task_icon(item.kind, x0 + 5, y0 + 5)):
                full = item.kind == "send" and k == 0
                ink = s.page if item.kind == "send" and k else stroke
                self._stroke(line, ink, 1, stroke if full else "none")
        if kind == "subprocess" and item.kind != "box":
            self._stroke(rounded((cx - 7, y1 - 16, cx + 7, y1 - 2), 0), stroke, thin)
            self._stroke([(cx - 4, y1 - 9), (cx + 4, y1 - 9)], stroke, thin)
            self._stroke([(cx, y1 - 13), (cx, y1 - 5)], stroke, thin)

    # -- flows --------------------------------------------------------------------------------------------------

    def _wire(self, wire: Wire) -> None:
        s, kind = self.style, wire.edge.kind
        points = [*wire.points]
        colour, width, head, size = s.line, s.line_width, s.head, s.head_size
        dash = ""
        if wire.weight == "main" and s.main_line:
            colour, width, size = s.main_line, s.main_width, s.head_size + 4
        if kind == "message":
            dash, head = f"{6 + s.line_width} 4", "hollow"
        elif kind == "association":
            dash, head = "1.5 3.5", "none"
            if s.info_solid:
                dash, head, colour, width = "", "open", "#a6a6a6", 1
        tip, before = points[-1], points[-2]
        if wire.curve == "bezier":
            flat = flatten(wire, 12)
            before = next((p for p in reversed(flat) if math.dist(p, tip) >= size * 0.9), flat[0])
        angle = math.atan2(tip[1] - before[1], tip[0] - before[0])
        if head in ("filled", "hollow", "stealth"):
            back = size * (0.7 if head == "stealth" else 0.9)
            base = (tip[0] - back * math.cos(angle), tip[1] - back * math.sin(angle))
            if wire.curve == "bezier":
                points = [p for p in flatten(wire, 12) if math.dist(p, tip) > back] + [base]
            else:
                points[-1] = base
        elif wire.curve == "bezier":
            points = flatten(wire, 12)
        sx, sy = points[0]
        nx, ny = points[1] if wire.curve == "line" else points[min(2, len(points) - 1)]
        length = math.hypot(nx - sx, ny - sy) or 1
        if kind == "sequence" and not any(
            i.node.id == wire.edge.source
            and i.node.type.startswith("gateway")
            and min(i.box[2] - i.box[0], i.box[3] - i.box[1]) < 12
            for i in self.scene.items
        ):
            points[0] = (sx - (nx - sx) / length * 5, sy - (ny - sy) / length * 5)
        if wire.curve == "line" and s.bend and len(points) > 2:
            points = _round_bends(points, s.bend)
        if wire.curve == "line" and s.hops and not dash:
            points = self._bridges(points, s.hops)
        self._stroke(points, colour, width, dash=dash)
        self.laid.append(points)
        if kind == "message":
            r = 4
            self._stroke(ellipse((sx - r, sy - r, sx + r, sy + r), 16), colour, width, s.page)
        self._head(tip, angle, head, size, colour, width)

    def _bridges(self, points: Line, radius: float) -> Line:
        """The line with an arc over every upright line laid before that it crosses level."""
        out = [points[0]]
        for a, b in zip(points, points[1:], strict=False):
            if abs(a[1] - b[1]) < 0.5:
                right = 1 if b[0] > a[0] else -1
                hits = [
                    p[0] for line in self.laid for p, q in zip(line, line[1:], strict=False)
                    if abs(p[0] - q[0]) < 0.5 and min(p[1], q[1]) + 6 < a[1] < max(p[1], q[1]) - 6
                    and min(a[0], b[0]) + 2 * radius < p[0] < max(a[0], b[0]) - 2 * radius
                ]  # fmt: skip
                for x in sorted(set(hits), reverse=right < 0):
                    out += [
                        (x - right * radius * math.cos(math.pi * k / 8), a[1] - radius * math.sin(math.pi * k / 8))
                        for k in range(9)
                    ]
            out.append(b)
        return out

    def _head(self, tip: Point, angle: float, head: str, size: float, colour: str, width: float) -> None:
        def at(back: float, side: float) -> Point:
            return (
                tip[0] - back * math.cos(angle) - side * math.sin(angle),
                tip[1] - back * math.sin(angle) + side * math.cos(angle),
            )

        half = size * 0.42
        if head == "open":
            self._stroke([at(size, half), tip, at(size, -half)], colour, width)
        elif head == "stealth":
            shape = [tip, at(size, half), at(size * 0.7, 0), at(size, -half), tip]
            self._stroke(shape, colour, 0.6, colour)
        elif head in ("filled", "hollow"):
            shape = [tip, at(size, half), at(size, -half), tip]
            self._stroke(
                shape,
                colour,
                max(0.6, width * 0.7 if head == "hollow" else 0.6),
                colour if head == "filled" else self.style.page,
            )

    def _label(self, wire: Wire) -> None:
        s = self.style
        assert wire.label is not None
        x0, y0, x1, y1 = wire.label
        if s.label_place == "chip":
            self.out.append(
                f'<rect x="{x0 - 3:.1f}" y="{y0 - 1:.1f}" width="{x1 - x0 + 6:.1f}" height="{y1 - y0 + 2:.1f}" '
                f'fill="{s.label_page}"/>'
            )
        elif s.label_place == "on":
            self.out.append(
                f'<rect x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}" fill="{s.page}"/>'
            )
        ink = s.label_ink or (s.ink if s.ink != "#ffffff" else "#222222")
        self._text(wire.lines, (x0 + x1) / 2, (y0 + y1) / 2, label_size(s), ink)


def _round_bends(points: list[Point], radius: float) -> list[Point]:
    out = [points[0]]
    for a, b, c in zip(points, points[1:], points[2:], strict=False):
        r = min(radius, math.dist(a, b) / 2, math.dist(b, c) / 2)
        if r < 1:
            out.append(b)
            continue
        p = (b[0] + (a[0] - b[0]) / math.dist(a, b) * r, b[1] + (a[1] - b[1]) / math.dist(a, b) * r)
        q = (b[0] + (c[0] - b[0]) / math.dist(b, c) * r, b[1] + (c[1] - b[1]) / math.dist(b, c) * r)
        for k in range(6):
            t = k / 5
            out.append(
                ((1 - t) ** 2 * p[0] + 2 * t * (1 - t) * b[0] + t * t * q[0],
                 (1 - t) ** 2 * p[1] + 2 * t * (1 - t) * b[1] + t * t * q[1])
            )  # fmt: skip
    return [*out, points[-1]]


def _mix(a: str, b: str, t: float) -> str:
    x, y = ([int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (a, b))
    return "#" + "".join(f"{round(p + (q - p) * t):02x}" for p, q in zip(x, y, strict=True))


def rasterise(svg: str, style: Style, zoom: float) -> Image.Image:
    """The SVG as an RGB picture, `zoom` pixels per unit."""
    import resvg_py

    family = FONTS[style.font][1]
    files = [
        font_file(name) for name, (_, other, _) in FONTS.items() if other == family and Path(font_file(name)).exists()
    ]
    data = resvg_py.svg_to_bytes(svg_string=svg, zoom=zoom, skip_system_fonts=True, font_files=files)
    return Image.open(io.BytesIO(bytes(data))).convert("RGB")
