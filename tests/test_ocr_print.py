"""The own recogniser of print: small lines in both alphabets, where their letters are, and how it is taught."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageDraw, ImageFont

from pipeline.score import similarity
from vision import ocr_print
from vision.parts import Bytes

FONTS = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "LiberationSerif-Regular.ttf")
LINES = [
    "Проверить комплект документов",
    "Отправить уведомление",
    "Заявка согласована?",
    "Подготовить договор № 125",
    "Объявить результаты",
    "Check the order",
    "Send confirmation",
    "Payment received?",
]


def line(text: str, size: float, font: str = FONTS[0], levels: tuple[int, int] = (20, 255)) -> Bytes:
    """The text cut out closely, `size` pixels to the em."""
    face = ImageFont.truetype(font, size)
    x0, y0, x1, y1 = face.getbbox(text)
    image = Image.new("L", (int(x1 - x0) + 8, int(y1 - y0) + 4), levels[1])
    ImageDraw.Draw(image).text((4 - x0, 2 - y0), text, font=face, fill=levels[0])
    return np.asarray(image)


def wrong(text: str, read: str) -> int:
    """Levenshtein distance, or more where the lengths are far apart."""
    return round((1 - similarity(text, read)) * max(len(text), len(read)))


@pytest.mark.parametrize("font", FONTS)
@pytest.mark.parametrize(("size", "most"), [(10, 0.06), (14, 0.02), (28, 0.02)])
def test_reads_print_of_both_alphabets(font: str, size: float, most: float) -> None:
    read = [ocr_print.read(line(text, size, font)).text for text in LINES]
    errors = sum(map(wrong, LINES, read))
    assert errors <= most * sum(map(len, LINES)), read


def test_pale_print_is_read_as_well() -> None:
    assert ocr_print.read(line("Сформировать отчёт", 16, levels=(120, 200))).text == "Сформировать отчёт"


def test_letters_that_both_alphabets_have_are_latin_where_that_is_known() -> None:
    for text in ("no", "Cope", "Text on a page"):
        latin = ocr_print.read_twice(line(text, 14))[1]
        assert latin.text == text
        assert latin.text.isascii()
    best, latin = ocr_print.read_twice(line("Проверка", 16))
    assert best.text == "Проверка"
    assert latin.confidence < best.confidence


def test_places_follow_the_letters() -> None:
    crop = line("Начало работы", 16)
    found = ocr_print.read(crop)
    assert found.text == "Начало работы"
    assert np.all(np.diff(found.places) > 0)
    assert 0 < found.places[0] < 20 < crop.shape[1] - 20 < found.places[-1] < crop.shape[1]
    assert found.confidence > 0.9


def test_what_is_no_print_is_not_sure() -> None:
    noise = np.random.default_rng(5).integers(0, 256, (24, 200), dtype=np.uint8)
    assert ocr_print.read(noise).confidence < 0.5
    assert ocr_print.read(np.full((20, 120), 255, np.uint8)).confidence < 0.5


@settings(max_examples=40, deadline=None)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 60), st.integers(1, 90))))
def test_any_crop_gives_an_answer(crop: Bytes) -> None:
    found = ocr_print.read(crop)
    assert len(found.text) == len(found.places) == len(found.sure)
    assert np.all((found.sure >= 0) & (found.sure <= 1))


def test_lessons_are_the_same_for_the_same_seed_and_say_what_they_show() -> None:
    pytest.importorskip("wordfreq")
    from scripts.print_lines import ALPHABET, Lines, usual_words

    words = {language: usual_words(language) for language in ("en", "ru")}
    fonts = {str(ImageFont.truetype(name, 9).path): 1.0 for name in FONTS}
    first, again = (Lines(7, words, fonts) for _ in range(2))
    drawn = [first.draw() for _ in range(60)]
    for (crop, text), (other, same) in zip(drawn, (again.draw() for _ in range(60)), strict=True):
        assert text == same
        assert np.array_equal(crop, other)
        assert set(text) <= set(ALPHABET)
    errors = sum(wrong(text, ocr_print.read(crop).text) for crop, text in drawn)
    assert errors < 0.25 * sum(len(text) for _, text in drawn)  # half of them are hardly legible


def test_teaching_lowers_the_loss_and_what_is_written_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx")
    torch = pytest.importorskip("torch")
    from scripts.print_lines import ALPHABET
    from scripts.train_print import Batch, Network, learn, write

    torch.manual_seed(1)
    texts = ["Начало", "Order 7"]
    crops = [ocr_print.normal(line(text, 16)) for text in texts]
    widest = max(crop.shape[1] for crop in crops)
    lines = np.ones((2, 1, ocr_print.HEIGHT, widest), np.float32)
    for row, crop in zip(lines, crops, strict=True):
        row[0, :, : crop.shape[1]] = crop
    batch = Batch(lines, [crop.shape[1] for crop in crops], [[ALPHABET.index(s) + 1 for s in text] for text in texts])
    network = Network(len(ALPHABET) + 1, state=16).train()
    optimiser = torch.optim.AdamW(network.parameters(), 1e-2)
    losses = [learn(network, optimiser, batch) for _ in range(15)]
    assert losses[-1] < 0.4 * losses[0]
    write(network, tmp_path / "print.onnx")
    monkeypatch.setattr(ocr_print, "WEIGHTS", tmp_path / "print.onnx")
    ocr_print._engine.cache_clear()
    try:
        session, alphabet = ocr_print._engine()
        with torch.no_grad():
            asked = network.eval()(torch.from_numpy(lines[:1])).softmax(-1).numpy()
        (given,) = session.run(None, {"line": lines[:1]})
        assert alphabet == ["", *ALPHABET]
        assert np.abs(given - asked).max() < 0.02  # weights are kept in half precision
    finally:
        ocr_print._engine.cache_clear()


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_weights_move_towards_others(share: float) -> None:
    pytest.importorskip("onnx")
    torch = pytest.importorskip("torch")
    from scripts.train_print import Network, move

    here, there = Network(5, state=4), Network(5, state=4)
    before = {name: weights.clone() for name, weights in here.state_dict().items()}
    there.look[0][1].num_batches_tracked.fill_(7)
    move(here, there, share)
    for name, weights in here.state_dict().items():
        other = there.state_dict()[name]
        want = before[name] * (1 - share) + other * share if weights.dtype.is_floating_point else other
        assert torch.allclose(weights, want)
