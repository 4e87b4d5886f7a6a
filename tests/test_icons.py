"""Icons and borders of symbols that the tests draw themselves, in several sizes, strokes and colours."""

import math

import numpy as np
import pytest
from PIL import Image, ImageDraw

from vision.icons import event, gateway_mark
from vision.naming import attached_to, event_type, node_type, trigger
from vision.parts import Page, Scene, Shape

SCALE = 4  # drawn larger, then reduced, so that edges are smooth as exporters make them
COLOURS = [("white", "black"), ("#fff2cc", "#7f3f00"), ("#1f6fd0", "white"), ("#d8f0d8", "#2e8b57")]


class Canvas:
    """A picture of 120 x 120 with one symbol of the given radius in the middle; coordinates in radii."""

    def __init__(self, radius: float, ground: str, ink: str, stroke: float) -> None:
        self.radius, self.ground, self.ink, self.stroke = radius, ground, ink, stroke
        self.image = Image.new("RGB", (120 * SCALE, 120 * SCALE), "white")
        self.pen = ImageDraw.Draw(self.image)

    def at(self, points):
        return [((60 + x * self.radius) * SCALE, (60 + y * self.radius) * SCALE) for x, y in points]

    def line(self, points, stroke=None, closed=False):
        points = self.at([*points, points[0]] if closed else points)
        self.pen.line(points, self.ink, round((stroke or self.stroke) * SCALE), joint="curve")

    def area(self, points, colour=None):
        self.pen.polygon(self.at(points), colour or self.ink)

    def disc(self, radius, fill=None, stroke=None):
        (x0, y0), (x1, y1) = self.at([(-radius, -radius), (radius, radius)])
        width = round((stroke or self.stroke) * SCALE)
        self.pen.ellipse((x0, y0, x1, y1), fill=fill, outline=None if stroke == 0 else self.ink, width=width)

    def page(self) -> Page:
        rgb = np.asarray(self.image.resize((120, 120), Image.Resampling.BOX))
        gray = np.asarray(Image.fromarray(rgb).convert("L"))
        return Page(rgb, gray, (255, 255, 255), 20.0, np.eye(2, 3), (120, 120))

    def shape(self, outline) -> Shape:
        r = self.radius
        turn = np.linspace(0, 2 * np.pi, 4 if outline == "diamond" else 64, endpoint=False)
        contour = 60 + r * np.stack([np.cos(turn), np.sin(turn)], 1)
        return Shape(outline, (60 - r, 60 - r, 60 + r, 60 + r), contour, self.stroke, 1.0)


def diamond(radius, ground, ink, stroke) -> Canvas:
    canvas = Canvas(radius, ground, ink, stroke)
    border = "black" if ink == "white" else ink
    corners = [(0, -1), (1, 0), (0, 1), (-1, 0)]
    canvas.area(corners, ground)
    canvas.ink = border
    canvas.line(corners, closed=True)
    canvas.ink = ink
    return canvas


def regular(sides, radius, start=0.0):
    turns = [start + 2 * math.pi * k / sides for k in range(sides)]
    return [(radius * math.sin(a), -radius * math.cos(a)) for a in turns]


def cross(canvas, reach, angles, width):
    for angle in angles:
        x, y = reach * math.cos(math.radians(angle)), reach * math.sin(math.radians(angle))
        canvas.line([(-x, -y), (x, y)], width)


def mark(canvas, name, width):
    if name == "exclusive":
        cross(canvas, 0.4, (60, 120), width)
    elif name == "parallel":
        cross(canvas, 0.5, (0, 90), width)
    elif name == "complex":
        cross(canvas, 0.45, (0, 45, 90, 135), width)
    elif name == "inclusive":
        canvas.disc(0.42, stroke=width)
    elif name == "event":
        canvas.disc(0.5, stroke=1)
        canvas.disc(0.4, stroke=1)
        canvas.line(regular(5, 0.24), 1, closed=True)


@pytest.mark.parametrize(("ground", "ink"), COLOURS)
@pytest.mark.parametrize(("radius", "width"), [(16, 2), (22, 2), (22, 4), (40, 3), (40, 8)])
@pytest.mark.parametrize("name", ["exclusive", "parallel", "inclusive"])
def test_the_marker_of_a_gateway_is_named(name, radius, width, ground, ink):
    canvas = diamond(radius, ground, ink, 2)
    mark(canvas, name, width)
    assert gateway_mark(canvas.page(), canvas.shape("diamond")) == name


@pytest.mark.parametrize("radius", [22, 30, 44])
@pytest.mark.parametrize("name", ["event", "complex"])
def test_rare_markers_are_named(name, radius):
    canvas = diamond(radius, "white", "black", 2)
    mark(canvas, name, radius / 9)
    assert gateway_mark(canvas.page(), canvas.shape("diamond")) == name


@pytest.mark.parametrize(("ground", "ink"), COLOURS)
@pytest.mark.parametrize("radius", [14, 22, 40])
def test_an_empty_diamond_has_no_marker(radius, ground, ink):
    canvas = diamond(radius, ground, "black" if ink == "white" else ink, 2)
    assert gateway_mark(canvas.page(), canvas.shape("diamond")) is None


def test_shading_is_no_marker():
    canvas = diamond(24, "white", "black", 2)
    rgb = np.array(canvas.page().rgb)
    shade = np.linspace(0, 60, 120)[:, None, None]
    inside = (np.abs(np.arange(120)[:, None] - 60) + np.abs(np.arange(120)[None] - 60) < 20)[..., None]
    page = canvas.page()
    rgb = np.where(inside, np.clip(rgb - shade, 0, 255), rgb).astype(np.uint8)
    shaded = Page(rgb, page.gray, page.background, page.unit, page.to_source, page.source_size)
    assert gateway_mark(shaded, canvas.shape("diamond")) is None


def circle(radius, ground="white", ink="black", stroke=2.0, double=False) -> Canvas:
    canvas = Canvas(radius, ground, "black" if ink == "white" else ink, stroke)
    canvas.disc(1, ground)
    if double:
        canvas.disc(0.8)
    canvas.ink = ink
    return canvas


def icon(canvas, name, filled):
    def draw(points):
        if filled:
            canvas.area(points)
        else:
            canvas.line(points, 1.5, closed=True)

    if name == "message":
        draw([(-0.45, -0.3), (0.45, -0.3), (0.45, 0.3), (-0.45, 0.3)])
        ink, canvas.ink = canvas.ink, canvas.ground if filled else canvas.ink
        canvas.line([(-0.45, -0.3), (0, 0.08), (0.45, -0.3)], 1.5)
        canvas.ink = ink
    elif name == "timer":
        canvas.disc(0.5, stroke=1.5)
        canvas.line([(0.05, -0.4), (0, 0), (0.28, 0)], 1.5)
    elif name == "error":
        draw([(-0.45, 0.4), (-0.18, -0.4), (0.1, 0.05), (0.45, -0.4), (0.2, 0.38), (-0.1, -0.05)])
    elif name == "signal":
        draw([(0, -0.5), (0.48, 0.35), (-0.48, 0.35)])
    elif name == "escalation":
        draw([(0, -0.5), (0.4, 0.5), (0, 0.1), (-0.4, 0.5)])
    elif name == "compensation":
        draw([(-0.5, 0), (0, -0.35), (0, 0.35)])
        draw([(0, 0), (0.5, -0.35), (0.5, 0.35)])
    elif name == "link":
        draw([(-0.5, -0.18), (0.1, -0.18), (0.1, -0.4), (0.5, 0), (0.1, 0.4), (0.1, 0.18), (-0.5, 0.18)])
    elif name == "multiple":
        draw(regular(5, 0.5))
    elif name == "conditional":
        draw([(-0.38, -0.45), (0.38, -0.45), (0.38, 0.45), (-0.38, 0.45)])
        for y in (-0.27, -0.09, 0.09, 0.27):
            canvas.line([(-0.28, y), (0.28, y)], 1.5)
    elif name == "parallel_multiple":
        cross(canvas, 0.5, (0, 90), 2)
    elif name == "cancel":
        cross(canvas, 0.5, (45, 135), 3)


@pytest.mark.parametrize(("ground", "ink"), COLOURS)
@pytest.mark.parametrize("radius", [20, 28, 45])
@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize("name", ["message", "error", "signal", "escalation", "compensation", "link"])
def test_icons_of_events_are_named(name, filled, radius, ground, ink):
    canvas = circle(radius, ground, ink)
    icon(canvas, name, filled)
    assert event(canvas.page(), canvas.shape("circle"), worded=False).icon == name


@pytest.mark.parametrize("radius", [20, 30, 45])
@pytest.mark.parametrize("name", ["timer", "multiple", "conditional", "parallel_multiple", "cancel"])
def test_icons_inside_two_lines_are_named(name, radius):
    canvas = circle(radius, double=True)
    icon(canvas, name, filled=False)
    found = event(canvas.page(), canvas.shape("circle"), worded=False)
    assert found.icon == name
    assert found.double


@pytest.mark.parametrize(("stroke", "double", "expected"), [
    (1.5, False, "start_event"), (1.5, True, "intermediate_event"), (4.5, False, "end_event"),
])  # fmt: skip
@pytest.mark.parametrize("ground", ["white", "#c8e6c9", "#ff8080"])
@pytest.mark.parametrize("grow", [1.0, 2.0])
def test_the_border_tells_the_kind_of_event(stroke, double, expected, ground, grow):
    canvas = circle(18 * grow, ground, "black", stroke * grow, double)
    found = event(canvas.page(), canvas.shape("circle"), worded=False)
    assert found.icon is None
    assert event_type(found, (0, 0), Scene((found,))) == expected


def test_a_circle_found_by_its_inner_line_is_given_its_true_size():
    canvas = circle(24, double=True)
    small = Shape("circle", (41, 41, 79, 79), canvas.shape("circle").contour, 2.0, 1.0)
    found = event(canvas.page(), small, worded=False)
    assert found.double
    assert found.box == pytest.approx((36, 36, 84, 84), abs=1.5)


@pytest.mark.parametrize("ink", ["black", "#8b6f40", "#a0002f"])
def test_discs_begin_and_end_activities(ink):
    start = circle(14, ink, ink)
    disc = event(start.page(), start.shape("circle"), worded=False)
    assert disc.filled
    assert event_type(disc, (0, 1), Scene((disc,))) == "start_event"
    end = circle(16, "white", ink, 1.5)
    end.disc(0.6, ink)
    target = event(end.page(), end.shape("circle"), worded=False)
    assert target.icon == "terminate"
    assert event_type(target, (1, 0), Scene((target,))) == "end_event"
    assert trigger(target, "end_event", "flowchart") is None
    assert trigger(target, "end_event", "bpmn") == "terminate"


def test_words_are_not_icons():
    canvas = circle(30)
    icon(canvas, "message", filled=False)
    found = event(canvas.page(), canvas.shape("circle"), worded=True)
    assert found.icon is None
    assert node_type(found, True, "flowchart", (1, 1), Scene((found,))) == "connector"


@pytest.mark.parametrize(("x", "y", "sits"), [(200, 100, True), (120, 160, True), (150, 60, False), (260, 100, False)])
def test_a_circle_across_the_border_of_a_task_is_attached(x, y, sits):
    contour = np.zeros((4, 2))
    shape = Shape("circle", (x - 18, y - 18, x + 18, y + 18), contour, 2.0, 1.0, double=True)
    task, frame = (100.0, 80.0, 200.0, 160.0), (0.0, 0.0, 400.0, 300.0)
    assert attached_to(shape, [frame, task]) == (1 if sits else None)
