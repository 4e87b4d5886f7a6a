"""UML activities as common tools draw them: even fills, soft shadows, long hexagons, open-topped partitions."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from diagram.model import Diagram
from tests.test_text import SANS
from vision.reader import VisionReader

FILL, LINE = "#fefece", "#a80036"
FACE = ImageFont.truetype(SANS, 12)


class Sheet:
    """A page to draw on: symbols throw a shadow to the lower right."""

    def __init__(self, width: int, height: int, shadows: bool) -> None:
        self.image = Image.new("RGB", (width, height), "white")
        self.shadows = shadows

    def _solid(self, points: list[tuple[float, float]], fill: str, line: str) -> None:
        if self.shadows:
            mask = Image.new("L", self.image.size, 0)
            ImageDraw.Draw(mask).polygon([(x + 5, y + 5) for x, y in points], fill=150)
            mask = mask.filter(ImageFilter.GaussianBlur(2))
            self.image.paste(Image.new("RGB", self.image.size, "#808080"), mask=mask)
        ImageDraw.Draw(self.image).polygon(points, fill=fill, outline=line, width=2)

    def text(self, x: float, y: float, words: str) -> None:
        ImageDraw.Draw(self.image).text((x, y), words, fill="black", font=FACE, anchor="mm")

    def task(self, x: float, y: float, words: str) -> None:
        w, h = 85, 22
        self._solid([(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h)], FILL, LINE)
        self.text(x, y, words)

    def hexagon(self, x: float, y: float, words: str) -> None:
        w, h = 82, 16
        points = [
            (x - w, y),
            (x - w + h, y - h),
            (x + w - h, y - h),
            (x + w, y),
            (x + w - h, y + h),
            (x - w + h, y + h),
        ]
        self._solid(points, FILL, LINE)
        self.text(x, y, words)

    def diamond(self, x: float, y: float) -> None:
        self._solid([(x - 16, y), (x, y - 16), (x + 16, y), (x, y + 16)], FILL, LINE)

    def disc(self, x: float, y: float, *, ring: bool = False) -> None:
        draw, r = ImageDraw.Draw(self.image), 9 if ring else 12
        if ring:
            draw.ellipse((x - 15, y - 15, x + 15, y + 15), fill="white", outline="black", width=2)
        draw.ellipse((x - r, y - r, x + r, y + r), fill="black")

    def flow(self, *points: tuple[float, float]) -> None:
        draw = ImageDraw.Draw(self.image)
        draw.line(points, fill=LINE, width=2)
        (x, y), (a, b) = points[-1], points[-2]
        dx, dy = (x > a) - (x < a), (y > b) - (y < b)
        head = [(x, y), (x - 10 * dx - 6 * dy, y - 10 * dy - 6 * dx), (x - 6 * dx, y - 6 * dy)]
        draw.polygon([*head, (x - 10 * dx + 6 * dy, y - 10 * dy + 6 * dx)], fill=LINE)


def activity(sheet: Sheet, x: float, y: float) -> None:
    """Start, a task, a decision with two branches that meet again, an end."""
    sheet.disc(x, y)
    sheet.flow((x, y + 12), (x, y + 40))
    sheet.task(x, y + 63, "Receive order")
    sheet.flow((x, y + 86), (x, y + 116))
    sheet.hexagon(x, y + 133, "Goods in stock?")
    for side, words in ((-1, "yes"), (1, "no")):
        sheet.text(x + side * 105, y + 121, words)
        sheet.flow((x + side * 82, y + 133), (x + side * 130, y + 133), (x + side * 130, y + 170))
        sheet.task(x + side * 130, y + 193, "Pack the goods" if side < 0 else "Order the goods")
        sheet.flow((x + side * 130, y + 216), (x + side * 130, y + 250), (x + side * 17, y + 250))
    sheet.diamond(x, y + 250)
    sheet.flow((x, y + 266), (x, y + 292))
    sheet.disc(x, y + 308, ring=True)


def flows(diagram: Diagram) -> set[tuple[str, str, str]]:
    names = {node.id: node.text or node.type for node in diagram.nodes}
    return {(names[edge.source], edge.text, names[edge.target]) for edge in diagram.edges}


@pytest.mark.parametrize(("scale", "shadows"), [(1.0, True), (1.6, True), (1.6, False)])
def test_an_activity_is_read_as_it_is_drawn(scale: float, shadows: bool) -> None:
    sheet = Sheet(560, 420, shadows)
    activity(sheet, 280, 40)
    image = sheet.image.resize((round(560 * scale), round(420 * scale)), Image.Resampling.LANCZOS)
    found = VisionReader().describe(image).diagram
    merge = next(node.type for node in found.nodes if node.type.startswith(("gateway", "decision")) and not node.text)
    assert flows(found) == {
        ("start_event", "", "Receive order"),
        ("Receive order", "", "Goods in stock?"),
        ("Goods in stock?", "yes", "Pack the goods"),
        ("Goods in stock?", "no", "Order the goods"),
        ("Pack the goods", "", merge),
        ("Order the goods", "", merge),
        (merge, "", "end_event"),
    }
    assert {node.type for node in found.nodes if node.text.endswith("?")} == {"decision"}
    assert found.kind == "flowchart"


def test_partitions_without_a_frame_are_lanes() -> None:
    sheet = Sheet(700, 420, shadows=True)
    draw = ImageDraw.Draw(sheet.image)
    draw.rectangle((350, 20, 680, 400), fill="#faebd7")
    for x in (20, 350, 680):
        draw.line((x, 20, x, 400), fill="black", width=2)
    big = ImageFont.truetype(SANS, 20)
    draw.text((185, 38), "Client", fill="black", font=big, anchor="mm")
    draw.text((515, 38), "Shop", fill="black", font=big, anchor="mm")
    sheet.disc(185, 80)
    sheet.flow((185, 92), (185, 120))
    sheet.task(185, 143, "Choose goods")
    sheet.flow((185, 166), (185, 190), (515, 190), (515, 220))
    sheet.task(515, 243, "Pack the goods")
    sheet.flow((515, 266), (515, 300))
    sheet.disc(515, 316, ring=True)
    found = VisionReader().describe(sheet.image).diagram
    names = {lane.id: lane.name for lane in found.lanes}
    assert sorted(names.values()) == ["Client", "Shop"]
    assert {(node.text or node.type, names[node.lane or ""]) for node in found.nodes} == {
        ("start_event", "Client"),
        ("Choose goods", "Client"),
        ("Pack the goods", "Shop"),
        ("end_event", "Shop"),
    }
    assert len(found.edges) == 3
