"""The whole way from a file to its description, on real pictures and on what nobody should hand in."""

from __future__ import annotations

import functools
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageOps

from diagram.errors import UnknownNameError
from diagram.model import Diagram
from pipeline.batch import Plan, describe_files
from pipeline.build import describer
from pipeline.describe import describe
from pipeline.score import score
from pipeline.settings import Settings
from pipeline.sources import find

EXAMPLES = Path(__file__).parents[1] / "data" / "examples"
NAMES = ("order", "priyom")


@functools.cache
def reader():
    return describer(Settings())


def picture(name: str) -> Image.Image:
    return Image.open(EXAMPLES / f"{name}.png").convert("RGB")


def truth(name: str) -> dict:
    return json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))


def dark(image: Image.Image) -> Image.Image:
    return ImageOps.invert(image)


def small(image: Image.Image) -> Image.Image:
    return image.resize((round(image.width * 0.7), round(image.height * 0.7)), Image.Resampling.LANCZOS)


def large(image: Image.Image) -> Image.Image:
    return image.resize((image.width * 4, image.height * 4), Image.Resampling.BICUBIC)


def slanted(image: Image.Image) -> Image.Image:
    return image.rotate(2.5, Image.Resampling.BICUBIC, expand=True, fillcolor="white")


def jpeg(image: Image.Image) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=40)
    return Image.open(out)


def transparent(image: Image.Image) -> Image.Image:
    ink = ImageOps.invert(image.convert("L"))
    return Image.merge("LA", (Image.new("L", image.size, 0), ink))


def palette(image: Image.Image) -> Image.Image:
    return image.quantize(16)


def framed(image: Image.Image) -> Image.Image:
    """A screenshot: a window's title bar above, an empty desk around."""
    out = Image.new("RGB", (image.width + 120, image.height + 160), (222, 225, 230))
    ImageDraw.Draw(out).rectangle((30, 20, image.width + 90, 60), fill=(60, 63, 65))
    out.paste(image, (60, 80))
    return out


@pytest.mark.parametrize("change", [None, dark, small, large, slanted, jpeg, transparent, palette, framed])
@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_read_however_it_was_saved(name, change):
    image = picture(name) if change is None else change(picture(name))
    figures = score(truth(name), describe(image, reader=reader()).diagram.to_json()).metrics
    least = 0.9 if change is None else 0.7
    assert figures["node_f1"] >= least
    assert figures["edge_f1"] >= least - 0.1


@pytest.mark.parametrize("factor", [0.75, 1, 2])
def test_boxes_are_pixels_of_the_upload(factor):
    image = picture("priyom")
    size = (round(image.width * factor), round(image.height * factor))
    found = describe(image.resize(size, Image.Resampling.LANCZOS), reader=reader()).diagram
    boxes = {node.text: node.bbox for node in found.nodes}
    for node in truth("priyom")["nodes"]:
        if node["text"] in boxes:
            assert np.allclose(boxes[node["text"]], np.array(node["bbox"]) * factor, atol=12 * factor), node["text"]
    assert len(boxes) >= 8


def test_a_pdf_is_read_like_its_picture(tmp_path):
    path = tmp_path / "both.pdf"
    picture("order").save(path, "PDF", resolution=96, save_all=True, append_images=[picture("priyom")])
    (outcome,) = describe_files(find([str(path)]), Plan("json", tmp_path / "out"), Settings(), jobs=0)
    assert [name for name, _ in outcome.found] == ["both-p1", "both-p2"]
    for name, example in zip(("both-p1", "both-p2"), NAMES, strict=True):
        data = json.loads((tmp_path / "out" / f"{name}.json").read_text("utf-8"))
        assert Diagram.from_json(data).nodes
        assert score(truth(example), data).metrics["node_f1"] >= 0.8


def test_the_same_picture_gives_the_same_graph_twice_and_in_parallel(tmp_path):
    once = {name: describe(EXAMPLES / f"{name}.png").diagram for name in NAMES}
    with ThreadPoolExecutor(2) as threads:
        again = list(threads.map(lambda name: describe(picture(name), reader=reader()).diagram, NAMES * 2))
    assert again == [once[name] for name in NAMES * 2]
    for _ in describe_files(find([str(EXAMPLES)]), Plan("json", tmp_path), Settings(), jobs=2):
        pass
    for name in NAMES:
        assert Diagram.from_json(json.loads((tmp_path / f"{name}.json").read_text("utf-8"))) == once[name]


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGB", (800, 600), "white"),
        Image.new("RGB", (800, 600), "black"),
        Image.new("RGBA", (800, 600), (0, 0, 0, 0)),
        Image.new("1", (1, 1)),
        Image.new("L", (5000, 3), 255),
        Image.new("L", (3, 5000), 0),
        Image.linear_gradient("L").resize((700, 500)),
    ],
    ids=["white", "black", "clear", "one pixel", "flat", "narrow", "gradient"],
)
def test_no_diagram_gives_an_empty_graph_and_a_warning(image):
    found = describe(image, reader=reader())
    assert found.diagram.nodes == ()
    assert found.warnings


def test_an_unknown_engine_lists_the_known_ones():
    with pytest.raises(UnknownNameError) as refused:
        describe(picture("order"), Settings(engine="crystal-ball"))
    assert "vision" in refused.value.hint


def test_the_language_asked_for_is_the_language_of_the_text():
    found = describe(picture("priyom"), Settings(lang="ru"))
    assert found.diagram.language == "ru"
    assert "шаг" in found.text.lower()


@st.composite
def scribbles(draw):
    """Strokes, boxes, discs and letters anywhere, in any size, on noise or paper."""
    width, height = draw(st.integers(1, 500)), draw(st.integers(1, 400))
    if draw(st.booleans()):
        shade = draw(st.integers(0, 255))
        image = Image.new("RGB", (width, height), (shade, shade, shade))
    else:
        noise = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 256, (height, width, 3), np.uint8)
        image = Image.fromarray(noise // draw(st.sampled_from([1, 4, 32])))
    pen = ImageDraw.Draw(image)
    point = st.tuples(st.integers(-20, width + 20), st.integers(-20, height + 20))
    for _ in range(draw(st.integers(0, 25))):
        colour = draw(st.sampled_from(["black", "white", "#c00", "#08f", "#888"]))
        kind = draw(st.sampled_from(["line", "box", "disc", "word", "polygon"]))
        a, b = draw(point), draw(point)
        corners = (min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1]))
        thick = draw(st.integers(1, 9))
        if kind == "line":
            pen.line([a, b, draw(point)], colour, thick)
        elif kind == "box":
            pen.rectangle(corners, outline=colour, width=thick)
        elif kind == "disc":
            pen.ellipse(corners, outline=colour, width=thick)
        elif kind == "polygon":
            pen.polygon([a, b, draw(point), draw(point)], fill=colour)
        else:
            pen.text(a, draw(st.sampled_from(["Start", "?", "Yes no", "|||", "- - -"])), colour)
    return image


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(scribbles())
def test_whatever_is_scribbled_is_read_without_a_fault(image):
    found = describe(image, reader=reader())
    diagram = Diagram.from_json(found.diagram.to_json())
    assert diagram == found.diagram
    for node in diagram.nodes:
        if node.bbox is not None:
            x0, y0, x1, y1 = node.bbox
            assert -2 <= x0 <= x1 <= image.width + 2
            assert -2 <= y0 <= y1 <= image.height + 2
