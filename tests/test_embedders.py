"""Every embedder keeps the same promises; the built-in one knows a process again however it is drawn."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from PIL import Image

from diagram.model import Diagram
from retrieval.builtin import BuiltinEmbedder
from retrieval.embedder import Picture
from tests.random_diagrams import diagrams

ROOT = Path(__file__).parents[1]
CHECK = ROOT / "data" / "check"


def truth(path: Path) -> Diagram:
    return Diagram.from_json(json.loads(path.with_suffix(".json").read_text("utf-8")))


def picture(name: str) -> Picture:
    path = next(path for path in CHECK.glob(f"{name}.*") if path.suffix != ".json")
    return Picture(lambda: Image.open(path), truth(path))


def unread(_: Image.Image) -> Diagram:
    raise AssertionError("a known graph is not read again")


@pytest.fixture(params=["builtin"])
def embedder(request):
    return BuiltinEmbedder(unread)


def test_vectors_have_the_shape_and_length_they_promise(embedder):
    pictures = [picture("ru/corp-contract"), picture("en/bizagi-loan"), picture("en/gost-login")]
    vectors = embedder.embed(pictures)
    assert vectors.shape == (3, embedder.dim)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    texts = embedder.embed_text(["согласование договора", "approve a loan"])
    assert texts.shape == (2, embedder.dim)
    assert np.allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)
    assert embedder.embed([]).shape == embedder.embed_text([]).shape == (0, embedder.dim)


def test_the_same_again_gives_the_same_and_batches_do_not_matter(embedder):
    pictures = [picture("ru/corp-contract"), picture("en/bizagi-loan")]
    together = embedder.embed(pictures)
    assert np.allclose(together, np.vstack([embedder.embed([one]) for one in pictures]), atol=1e-5)
    assert embedder.name in embedder.fingerprint
    assert "\n" not in embedder.fingerprint


# The built-in one


def test_the_vector_is_the_same_on_every_machine():
    code = (
        "import sys; sys.path.insert(0, '.')\n"
        "from tests.test_embedders import *\n"
        "print(*BuiltinEmbedder(unread).embed([picture('ru/corp-contract')])[0][::97].tolist())"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"})
    again = [float(number) for number in done.stdout.split()]
    assert np.allclose(again, BuiltinEmbedder(unread).embed([picture("ru/corp-contract")])[0][::97], atol=1e-7)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_process_in_another_look_is_nearer_than_any_other_process(language):
    paths = sorted((CHECK / language).glob("*.json"))
    processes = [json.loads(path.read_text("utf-8"))["process"] for path in paths]
    vectors = BuiltinEmbedder(unread).embed([Picture(unread_picture, truth(path)) for path in paths])
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -1)
    queries = [i for i, process in enumerate(processes) if processes.count(process) > 1]
    right = [processes[int(scores[i].argmax())] == processes[i] for i in queries]
    assert len(queries) > 20
    assert np.mean(right) >= 0.95


def test_similarity_is_that_of_its_parts():
    one, other = truth(CHECK / "ru" / "corp-contract.png"), truth(CHECK / "ru" / "bpmnio-pizza.png")
    bare = Diagram(
        one.kind, tuple(dataclasses.replace(node, bbox=None) for node in one.nodes), one.edges, one.lanes, "ru"
    )
    embedder = BuiltinEmbedder(unread)
    full, without_box, different = embedder.embed([Picture(unread_picture, graph) for graph in (one, bare, other)])
    assert full @ without_box > full @ different
    assert embedder.embed_text(["Проверить правовые условия"])[0] @ full > 0.15


def test_misread_letters_and_endings_stay_near():
    embedder = BuiltinEmbedder(unread)
    right, misread, ending, other = embedder.embed_text(
        ["согласовать договор", "соглаcовать договор", "согласование договора", "отгрузить товар"]
    )
    assert right @ misread > 0.6
    assert right @ ending > 0.4
    assert abs(right @ other) < 0.25


def test_a_picture_without_graph_is_read_once_and_without_diagram_is_zero():
    read: list[object] = []

    def reader(image: Image.Image) -> Diagram:
        read.append(image)
        return Diagram()

    vectors = BuiltinEmbedder(reader).embed([Picture(lambda: Image.new("RGB", (9, 9)))])
    assert len(read) == 1
    assert not vectors.any()


@given(diagrams())
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_graph_can_be_embedded(graph):
    (vector,) = BuiltinEmbedder(unread).embed([Picture(unread_picture, graph)])
    assert np.isclose(np.linalg.norm(vector), 1, atol=1e-5) or not graph.nodes


def unread_picture() -> Image.Image:
    raise AssertionError("the built-in embedder needs no pixels")
