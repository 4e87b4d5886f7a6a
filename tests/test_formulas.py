"""Formulas inside symbols and beside them, whose signs look like strokes: drawn natively, and read back."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image

from diagram.model import Diagram, Edge, Node
from pipeline.draw import Studio
from vision import ocr_paddle, ocr_tesseract
from vision.formulas import read_formulas
from vision.reader import VisionReader
from vision.text_language import is_formula

pytestmark = pytest.mark.skipif(
    not (ocr_paddle.available() and "rus" in ocr_tesseract.languages()), reason="needs the recognisers of both scripts"
)


@pytest.fixture(scope="module")
def studio():
    with Studio("native") as opened:
        yield opened


def read_back(studio, *texts: str) -> list[str]:
    nodes = [Node(f"n{i}", "decision" if text.endswith("?") else "process", text) for i, text in enumerate(texts)]
    edges = [Edge(f"e{i}", a.id, b.id) for i, (a, b) in enumerate(zip(nodes, nodes[1:], strict=False))]
    picture = studio.draw(json.dumps(Diagram("flowchart", tuple(nodes), tuple(edges)).to_json()), "png").data
    found = VisionReader().describe(Image.open(io.BytesIO(picture))).diagram
    assert len(found.edges) == len(edges)
    return sorted(node.text.replace(" ", "") for node in found.nodes)


@pytest.mark.parametrize(
    "texts",
    [
        ("Read n", "result = 1, i = 1", "i <= n?", "result = result * n", "i = i + 1", "Print result"),
        ("Ввод массива", "i := 1", "A[j] < A[k]?", "x = -b / 2a", "Вывод массива"),
    ],
)
def test_signs_are_read(studio, texts):
    assert read_back(studio, *texts) == sorted(text.replace(" ", "") for text in texts)


def test_formulas_beside_gateways_are_read(studio):
    texts = ("i <= n?", "a = 0?", "D < 0?")
    nodes = [Node("s", "task", "Ввод a, b, c"), *(Node(f"g{i}", "gateway_exclusive", t) for i, t in enumerate(texts))]
    nodes += [Node(f"t{i}", "task", f"Вывод корней {i}") for i in range(4)]
    edges = [
        Edge("e", "s", "g0"),
        Edge("f", "g0", "g1", "Да"),
        Edge("g", "g1", "g2", "Да"),
        Edge("h", "g2", "t3", "Да"),
    ]
    edges += [Edge(f"n{i}", f"g{i}", f"t{i}", "Нет") for i in range(3)]
    told = json.dumps(Diagram("bpmn", tuple(nodes), tuple(edges), language="ru").to_json())
    found = VisionReader().describe(Image.open(io.BytesIO(studio.draw(told, "png").data))).diagram
    gateways = [node.text for node in found.nodes if node.type == "gateway_exclusive"]
    assert sorted(gateways) == sorted(texts)
    assert "Ввод a, b, c" in {node.text for node in found.nodes}


def test_a_formula_read_in_pieces_is_no_row_of_answers(studio):
    texts = ("D = b² - 4ac", "Вывод корней", "Вывод массива")
    assert read_back(studio, *texts) == sorted(text.replace(" ", "") for text in texts)


def test_words_alone_are_left_as_they_are(studio):
    texts = ("Проверка заявки", "Отправка ответа")
    assert read_back(studio, *texts) == sorted(text.replace(" ", "") for text in texts)


def test_a_page_without_shapes_keeps_its_lines():
    assert read_formulas(None, (), (), "ru") == ()


@pytest.mark.parametrize(
    ("text", "told"), [("i:=i+1", True), ("a < b?", True), ("[да]", True), ("=", False), ("a-b", False)]
)
def test_what_a_formula_is(text, told):
    assert is_formula(text) is told
