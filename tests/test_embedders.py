"""Every embedder keeps the same promises; the built-in one knows a process again however it is drawn."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from PIL import Image

from diagram.errors import MissingDependencyError
from diagram.model import Diagram
from retrieval.builtin import BuiltinEmbedder
from retrieval.clip import ClipEmbedder, find, squared, usable
from retrieval.embedder import Picture
from tests import samples, tiny_clip, torchvision_mended
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


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Tiny random CLIP models: (folder in transformers' layout, in sentence-transformers' layout)."""
    pytest.importorskip("sentence_transformers", reason="pip install 'diascribe[models]'")
    folder = tmp_path_factory.mktemp("clip")
    plain = tiny_clip.make(folder / "plain")
    return plain, tiny_clip.wrapped(plain, folder / "wrapped")


@pytest.fixture(params=["builtin", "clip"])
def embedder(request):
    return (
        BuiltinEmbedder(unread) if request.param == "builtin" else ClipEmbedder(str(request.getfixturevalue("tiny")[0]))
    )


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


# CLIP, through the real sentence-transformers


def test_both_layouts_and_a_saved_copy_give_the_same_vectors(tiny, tmp_path):
    pictures = [picture("en/gv-pay"), picture("ru/bpmnio-pizza")]
    plain, wrapped = (ClipEmbedder(str(folder)) for folder in tiny)
    assert plain.dim == wrapped.dim == 16
    vectors = plain.embed(pictures)
    assert np.allclose(vectors, wrapped.embed(pictures), atol=1e-5)
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(str(tiny[0])).save(str(tmp_path / "saved"))
    saved = ClipEmbedder(str(tmp_path / "saved"))
    assert np.allclose(vectors, saved.embed(pictures), atol=1e-5)
    assert np.allclose(plain.embed_text(["loan"]), saved.embed_text(["loan"]), atol=1e-5)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_pictures_of_every_mode_and_size_go_into_one_batch(tiny, mode):
    embedder = ClipEmbedder(str(tiny[0]))
    images = [samples.picture(mode, size) for size in ((300, 20), (20, 300), (64, 64))]
    images += [Image.new("RGB", (1, 1)), Image.new("RGB", (500, 400), "white")]
    vectors = embedder.embed([Picture(lambda image=image: image) for image in images])
    assert vectors.shape == (5, 16)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    if mode in ("L", "P", "RGB", "RGBA"):
        alone = embedder.embed([Picture(lambda: samples.picture("RGB", (300, 20)))])
        assert np.allclose(vectors[0], alone[0], atol=1e-3)


def test_wide_pictures_are_padded_not_cropped_and_transparency_is_white():
    wide = Image.new("RGBA", (40, 10), (0, 0, 0, 0))
    wide.putpixel((0, 5), (255, 0, 0, 255))
    square = squared(wide)
    assert (square.size, square.mode) == ((40, 40), "RGB")
    assert square.getpixel((0, 20)) == (255, 0, 0)
    assert square.getpixel((20, 20)) == (255, 255, 255)


def test_long_texts_and_batches_beyond_one(tiny):
    embedder = ClipEmbedder(str(tiny[0]))
    texts = embedder.embed_text(["слово " * 500, "word", ""])
    assert texts.shape == (3, 16)
    many = embedder.embed([Picture(lambda i=i: Image.new("RGB", (9, 9), (i, i, i))) for i in range(70)])
    assert many.shape == (70, 16)


def test_other_weights_have_another_fingerprint(tiny, tmp_path):
    plain, wrapped = (ClipEmbedder(str(folder)).fingerprint for folder in tiny)
    shutil.copytree(tiny[0], tmp_path / "copy" / "plain")
    assert ClipEmbedder(str(tmp_path / "copy" / "plain")).fingerprint == plain
    assert ClipEmbedder(str(tiny_clip.make(tmp_path / "other" / "plain", seed=1))).fingerprint != plain
    assert plain != wrapped


def test_missing_weights_fail_fast_and_name_the_command_that_fetches_them(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    embedder = ClipEmbedder("clip-ViT-B-32")
    for act in (lambda: embedder.fingerprint, lambda: embedder.embed([picture("en/gv-pay")])):
        with pytest.raises(MissingDependencyError, match="not on this machine") as raised:
            act()
        assert "diascribe models download clip" in raised.value.hint
    assert not usable("clip-ViT-B-32")


def test_weights_in_the_cache_of_the_hub_are_found(tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--sentence-transformers--clip-ViT-B-32" / "snapshots" / "abc"
    shutil.copytree(tiny[1], snapshot)
    assert find("clip-ViT-B-32") == snapshot
    assert usable("clip-ViT-B-32")
    assert ClipEmbedder("clip-ViT-B-32").embed_text(["loan"]).shape == (1, 16)


def test_broken_weights_are_an_error_with_a_mend(tiny, tmp_path):
    shutil.copytree(tiny[0], tmp_path / "broken")
    (tmp_path / "broken" / "config.json").write_text("{")
    with pytest.raises(MissingDependencyError, match="cannot be loaded"):
        ClipEmbedder(str(tmp_path / "broken")).embed_text(["loan"])


def test_a_torchvision_that_cannot_be_imported_does_no_harm(tiny, tmp_path):
    code = (
        "import sys\nfrom pipeline.build import EMBEDDERS\nfrom pipeline.settings import Settings\n"
        "embedder = EMBEDDERS['clip'](Settings(clip_model=sys.argv[1]), None)\n"
        "print(embedder.embed_text(['loan']).shape)\n"
    )
    done = torchvision_mended.beside_a_broken_one(tmp_path, code, str(tiny[1]))
    assert done.stdout.strip() == "(1, 16)", done.stderr[-2000:]


def test_an_index_by_clip_is_used_until_another_embedder_is_asked_for(tiny, monkeypatch, tmp_path):
    from diagram.errors import StaleIndexError
    from pipeline.curate import add_example
    from pipeline.retrieve import Retrieval
    from pipeline.settings import Settings

    folders = {"index_dir": tmp_path / "index", "examples_dir": tmp_path / "own", "data_dir": tmp_path / "none"}
    settings = Settings(clip_model=str(tiny[1]), **folders)
    retrieval = Retrieval(settings)
    path = CHECK / "en" / "gv-pay.png"
    add_example(retrieval, path, path.with_suffix(".json"))
    assert retrieval.build().manifest.embedder.name == "clip"
    assert Retrieval(settings).by_picture(Image.open(path), 1)[0].score > 0.999
    assert Retrieval(settings).by_text("payment", 1)[0].record.id == "gv-pay"
    with pytest.raises(StaleIndexError):
        Retrieval(settings.model_copy(update={"embedder": "builtin"})).by_text("payment", 1)
