"""Words that flows, outlines and frames touch or cross: drawn, and read back from the finished diagram."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from diagram.model import Diagram
from vision.erase import without_strokes
from vision.parts import Connector, Page, Scene
from vision.reader import VisionReader

SANS = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
pytestmark = pytest.mark.skipif(not Path(SANS).exists(), reason="needs the DejaVu fonts")


def page(gray: np.ndarray) -> Page:
    """A page whose lines are 20 pixels high."""
    size = gray.shape[1], gray.shape[0]
    return Page(np.stack([gray] * 3, -1), gray, (255, 255, 255), 20.0, np.eye(2, 3), size)


def payment(name: tuple[int, int], answer: tuple[int, int], question: tuple[int, int]) -> Diagram:
    """Pay -> paid? -> Ship inside a sub-process, the decision also down to another that begins Pay again. In upper left
    corners: the name of the first decision, the answer at the flow down, the name of the second decision."""
    face = ImageFont.truetype(SANS, 15)
    image = Image.new("RGB", (900, 520), "white")
    draw = ImageDraw.Draw(image)

    def arrow(*points: tuple[int, int]) -> None:
        draw.line(points, "black", 2)
        (x0, y0), (x, y) = points[-2:]
        dx, dy = np.sign(x - x0), np.sign(y - y0)
        x0, y0 = x - 12 * dx, y - 12 * dy
        draw.polygon([(x, y), (x0 - 5 * dy, y0 - 5 * dx), (x0 + 5 * dy, y0 + 5 * dx)], "black")

    draw.rounded_rectangle((30, 30, 870, 480), 12, outline="black", width=2)
    for x, text in ((160, "Pay order"), (600, "Send order")):
        draw.rounded_rectangle((x, 170, x + 140, 250), 10, outline="black", width=2)
        draw.text((x + 70, 210), text, "black", face, "mm")
    draw.ellipse((66, 192, 102, 228), outline="black", width=2)
    draw.ellipse((800, 192, 836, 228), outline="black", width=4)
    for y in (210, 410):
        draw.polygon([(450, y - 28), (478, y), (450, y + 28), (422, y)], outline="black", width=2)
        for way in (1, -1):
            draw.line((441, y - 9 * way, 459, y + 9 * way), "black", 4)
    arrow((102, 210), (160, 210))
    arrow((300, 210), (422, 210))
    arrow((478, 210), (600, 210))
    arrow((740, 210), (800, 210))
    arrow((450, 238), (450, 382))
    arrow((422, 410), (230, 410), (230, 250))
    for place, text in ((name, "Payment accepted?"), (answer, "No"), (question, "Retry?"), ((540, 188), "Yes")):
        draw.text(place, text, "black", face)
    return VisionReader("en").describe(image).diagram


def texts(diagram: Diagram) -> set[str]:
    """What stands at decisions and flows."""
    return {n.text for n in diagram.nodes if n.type.startswith("gateway")} | {e.text for e in diagram.edges if e.text}


def test_words_that_stand_free() -> None:
    assert texts(payment((380, 150), (460, 300), (424, 446))) == {"Payment accepted?", "Yes", "No", "Retry?"}


@pytest.mark.parametrize("x", [437, 440, 444])
def test_an_answer_that_its_flow_runs_through(x: int) -> None:
    assert "no" in {text.lower() for text in texts(payment((380, 150), (x, 300), (424, 446)))}


def test_a_name_whose_letters_touch_the_frame() -> None:
    assert "Retry?" in texts(payment((380, 150), (460, 300), (424, 462)))


def test_a_name_that_the_tip_of_its_decision_crosses() -> None:
    assert "Payment accepted?" in texts(payment((380, 170), (460, 300), (424, 446)))


def test_a_stroke_is_taken_from_letters_beside_it_but_not_where_it_is_crossed() -> None:
    gray = np.full((120, 120), 255, np.uint8)
    gray[10:110, 60:62] = 0
    gray[40:44, 62:80] = 0  # touches it from the right
    gray[80:84, 40:80] = 0  # crosses it
    line = Connector(np.array([(61.0, 10.0), (61.0, 110.0)]), None, None, stroke=2.0)
    left, where = without_strokes(page(gray), Scene(), [line])
    assert (left[20:30, 58:64] == 255).all()
    assert (left[40:44, 60:62] == 255).all()
    assert (left[40:44, 64:80] == 0).all()
    assert (left[81:83, 60:62] == 0).all()
    assert [bool(where[y, x]) for y, x in ((20, 60), (82, 60), (20, 90))] == [True, False, False]
