"""Reading of text: what a rendered page says must come back, what is not text must not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from difflib import SequenceMatcher
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from diagram.kinds import Language
from vision import ocr_paddle, threads
from vision.ocr_tesseract import languages
from vision.parts import Page, TextLine
from vision.prepare import prepare
from vision.text import TextReading, join_lines, read_grounds, read_text, reread
from vision.text_language import alike, language_of, listed, repair, same_script
from vision.threads import each

SANS = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
SERIF = "/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf"
pytestmark = pytest.mark.skipif(not Path(SANS).exists(), reason="needs the DejaVu fonts")
russian = pytest.mark.skipif("rus" not in languages(), reason="needs tesseract-ocr-rus")

RUSSIAN = [
    "Заявка подана", "Проверить счёт № 15", "Подписать договор", "Отклонить заявку", "Ещё 20 % объёма", "Да", "Нет",
    "Форма «Акт»", "Оплата по счёту", "Согласовать с юристом", "Архив документов", "Конец процесса",
]  # fmt: skip
ENGLISH = [
    "Receive order", "Check credit (2 days)", "Approve invoice", "Amount > 500?", "Yes", "No", "Ship goods",
    "Notify customer", "Archive documents", "Send reminder", "Order closed", "End",
]  # fmt: skip


def chart(
    labels: Iterable[str],
    *,
    size: int = 16,
    font: str = SANS,
    ink: str = "black",
    fill: str = "white",
    paper: str = "white",
) -> Image.Image:
    """Boxes with one label each, three to a row, joined by arrows."""
    face = ImageFont.truetype(font, size)
    labels = list(labels)
    width, height = round(size * 16), size * 5
    image = Image.new("RGB", (3 * width + size * 10, (height + size * 3) * ((len(labels) + 2) // 3) + size * 3), paper)
    draw = ImageDraw.Draw(image)
    for number, text in enumerate(labels):
        x, y = size * 3 + (number % 3) * (width + size * 2), size * 2 + (number // 3) * (height + size * 3)
        draw.rectangle((x, y, x + width, y + height), fill=fill, outline="black", width=2)
        draw.text((x + width / 2, y + height / 2), text, fill=ink, font=face, anchor="mm")
        if number % 3 < 2:
            draw.line((x + width, y + height / 2, x + width + size * 2, y + height / 2), fill="black", width=2)
            tip = x + width + size * 2
            draw.polygon(
                [(tip, y + height / 2), (tip - 9, y + height / 2 - 5), (tip - 9, y + height / 2 + 5)], fill="black"
            )
    return image


def likeness(reading: TextReading, labels: Iterable[str]) -> float:
    """Mean similarity of each label and the line most like it."""
    texts = [line.text for line in reading.lines]
    labels = list(labels)
    best = [max((SequenceMatcher(None, label, text).ratio() for text in texts), default=0.0) for label in labels]
    return sum(best) / len(best)


def jpeg(image: Image.Image, quality: int, tmp_path: Path) -> Image.Image:
    image.save(tmp_path / "page.jpg", quality=quality)
    return Image.open(tmp_path / "page.jpg").convert("RGB")


@pytest.mark.parametrize("size", [11, 16, 28])
def test_reads_english(size: int) -> None:
    reading = read_text(prepare(chart(ENGLISH, size=size)))
    assert reading.language == "en"
    assert likeness(reading, ENGLISH) >= 0.98


@russian
@pytest.mark.parametrize(("size", "font"), [(11, SANS), (16, SANS), (16, SERIF), (28, SANS)])
def test_reads_russian(size: int, font: str) -> None:
    reading = read_text(prepare(chart(RUSSIAN, size=size, font=font)))
    assert reading.language == "ru"
    assert likeness(reading, RUSSIAN) >= 0.96
    assert "ё" in "".join(line.text for line in reading.lines)


@russian
@pytest.mark.parametrize("size", [14, 20])
@pytest.mark.parametrize("words", ["Проверить\nостаток дней", "Проверь\nкорней нет", "Генеральный\nновый дизайнер"])
def test_breves_belong_to_the_letters_under_them(words: str, size: int) -> None:
    face = ImageFont.truetype(SANS, size)
    image = Image.new("RGB", (40 * size, 12 * size), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((2 * size, 2 * size, 26 * size, 9 * size), outline="black", width=2)
    draw.multiline_text((14 * size, 5.5 * size), words, fill="black", font=face, anchor="mm", align="center", spacing=0)
    assert [line.text for line in read_text(prepare(image)).lines] == words.split("\n")


@russian
@pytest.mark.parametrize(
    "words",
    ["Увеличить счётчик\nпопыток", "Передать на склад\nготовой продукции", "Отправить\nкод по СМС", "Оценка\nНИЗКАЯ"],
)
@pytest.mark.parametrize("turned", [False, True])
def test_small_letters_are_told_from_capitals_by_their_size(words: str, turned: bool) -> None:
    image = Image.new("RGB", (500, 300), "white")
    ImageDraw.Draw(image).multiline_text(
        (250, 150), words, fill="black", font=ImageFont.truetype(SANS, 22), anchor="mm"
    )
    lines = read_text(prepare(image.transpose(Image.Transpose.ROTATE_90) if turned else image)).lines
    assert sorted(line.text for line in lines) == sorted(words.split("\n"))


@russian
def test_reads_a_poor_jpeg(tmp_path: Path) -> None:
    assert likeness(read_text(prepare(jpeg(chart(RUSSIAN, size=15), 40, tmp_path))), RUSSIAN) >= 0.93


@russian
@pytest.mark.parametrize(("ink", "fill"), [("white", "#1f4e79"), ("white", "#c55a11"), ("black", "#ffe699")])
def test_reads_labels_on_colours(ink: str, fill: str) -> None:
    assert likeness(read_text(prepare(chart(RUSSIAN, ink=ink, fill=fill))), RUSSIAN) >= 0.95


def test_one_line_per_box() -> None:
    page = prepare(chart(ENGLISH))
    lines = read_text(page).lines
    assert len(lines) == len(ENGLISH)
    for line in lines:
        for word in line.words:
            x0, y0, x1, y1 = (round(value) for value in word.box)
            dark = page.gray[y0:y1, x0:x1] < 128
            assert dark.any()
            # tight: ink reaches within three pixels of every side
            rows, columns = np.flatnonzero(dark.any(1)), np.flatnonzero(dark.any(0))
            assert max(rows[0], columns[0]) <= 3
            assert min(rows[-1] - (y1 - y0), columns[-1] - (x1 - x0)) >= -4


def test_single_letters_in_circles_survive() -> None:
    image = chart(ENGLISH)
    draw, face = ImageDraw.Draw(image), ImageFont.truetype(SANS, 16)
    for x, letter in ((20, "A"), (image.width - 60, "B")):
        draw.ellipse((x, image.height - 44, x + 40, image.height - 4), outline="black", width=2)
        draw.text((x + 20, image.height - 24), letter, fill="black", font=face, anchor="mm")
    texts = {line.text for line in read_text(prepare(image)).lines}
    assert {"A", "B"} <= texts


def test_lines_and_arrows_say_nothing() -> None:
    image = Image.new("RGB", (900, 600), "white")
    draw = ImageDraw.Draw(image)
    for i in range(6):
        draw.rectangle((40 + 140 * i, 60, 140 + 140 * i, 120), outline="black", width=2)
        draw.line((140 + 140 * i, 90, 180 + 140 * i, 90), fill="black", width=2)
        draw.polygon([(180 + 140 * i, 90), (171 + 140 * i, 85), (171 + 140 * i, 95)], fill="black")
        draw.ellipse((50 + 140 * i, 200, 86 + 140 * i, 236), outline="black", width=3)
        draw.polygon(
            [(70 + 140 * i, 300), (95 + 140 * i, 325), (70 + 140 * i, 350), (45 + 140 * i, 325)], outline="black"
        )
        for y in range(380, 560, 12):
            draw.line((70 + 140 * i, y, 70 + 140 * i, y + 7), fill="black", width=2)
    assert read_text(prepare(image)).lines == ()


@pytest.mark.parametrize(("turn", "how"), [(90, Image.Transpose.ROTATE_90)])
def test_turned_names(turn: int, how: Image.Transpose) -> None:
    image = chart(ENGLISH)
    name = Image.new("RGB", (260, 60), "white")
    face = ImageFont.truetype(SANS, 16)
    ImageDraw.Draw(name).multiline_text(
        (130, 30), "Sales and\nmarketing team", fill="black", font=face, anchor="mm", align="center"
    )
    page = Image.new("RGB", (image.width + 80, image.height), "white")
    page.paste(image, (80, 0))
    page.paste(name.transpose(how), (10, 100))
    lines = [line for line in read_text(prepare(page)).lines if line.turn == turn]
    assert [line.text for line in sorted(lines, key=lambda line: line.box[0])] == ["Sales and", "marketing team"]


def test_the_same_page_reads_the_same() -> None:
    page = prepare(chart(ENGLISH, size=13))
    assert read_text(page).lines == read_text(page).lines


def test_reads_again_inside_a_box_with_a_line_taken_out() -> None:
    image = chart(["Ship goods", "Notify customer", "Archive documents"], size=18)
    page = prepare(image)
    true = next(line for line in read_text(page).lines if line.text == "Notify customer")
    x0, y0, x1, y1 = true.box
    gray, stroke = page.gray.copy(), np.zeros_like(page.gray)
    for picture, value in ((gray, 0), (stroke, 255)):
        cv2.line(picture, (int(x0) - 3, int(y0) - 20), (int(x0) - 3, int(y1) + 20), value, 2)
    crossed = Page(page.rgb, gray, page.background, page.unit, page.to_source, page.source_size)
    (lines,) = reread(crossed, [(x0 - 20, y0 - 12, x1 + 20, y1 + 12)], erase=stroke)
    assert join_lines([line.text for line in lines]) == "Notify customer"
    assert lines[0].box[0] == pytest.approx(x0, abs=4)
    assert lines[0].box[2] == pytest.approx(x1, abs=4)


@pytest.mark.parametrize(("words", "language"), [("No", "en"), ("Yes", "en"), pytest.param("Нет", "ru", marks=russian)])
def test_reads_a_ground_whose_letters_a_line_touches(words: str, language: Language) -> None:
    image = chart(ENGLISH if language == "en" else RUSSIAN, size=18)
    draw = ImageDraw.Draw(image)
    face = ImageFont.truetype(SANS, 18)
    left, top, right, bottom = draw.textbbox((60, 14), words, font=face)
    draw.line((left - 60, top - 10, left, (top + bottom) / 2), fill="#333", width=2)
    draw.rectangle((left - 2, top - 6, right + 2, bottom + 6), fill="#e8e8e8")
    draw.text((60, 14), words, fill="#333", font=face)
    page = prepare(image)
    (scale, _, dx), (_, _, dy) = page.to_source
    x0, y0, x1, y1 = left - 2, top - 6, right + 2, bottom + 6
    ground = ((x0 - dx) / scale, (y0 - dy) / scale, (x1 - dx) / scale, (y1 - dy) / scale)
    (line,) = read_grounds(page, [ground], [], language)
    assert line.text == words
    assert line.confidence > 0.8
    sure = TextLine("sure", ground, 1.0)
    assert read_grounds(page, [ground], [sure], language) == [sure]


def test_an_empty_ground_says_nothing() -> None:
    page = prepare(chart(ENGLISH, size=18))
    assert read_grounds(page, [(4.0, 4.0, 40.0, 30.0)], [], "en") == []


@pytest.mark.parametrize(("words", "warned"), [(ENGLISH, False), (RUSSIAN, True)])
def test_without_language_data_print_is_still_read(words, warned: bool, tmp_path: Path) -> None:
    chart(words, size=18).save(tmp_path / "page.png")
    code = (
        "import sys; from PIL import Image; from vision.prepare import prepare; from vision.text import read_text\n"
        "r = read_text(prepare(Image.open(sys.argv[1])))\n"
        "print('|'.join(l.text for l in r.lines)); print(r.warnings)"
    )
    (tmp_path / "empty").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "page.png")],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "", "TESSDATA_PREFIX": str(tmp_path / "empty")},
        cwd=Path(__file__).parent.parent,
    )
    texts, warnings = done.stdout.strip().splitlines()
    assert likeness(TextReading(tuple(TextLine(t, (0, 0, 1, 1), 1.0) for t in texts.split("|"))), words) >= 0.97
    assert ("tesseract-ocr-rus" in warnings) == warned


@pytest.mark.parametrize(
    ("word", "prefer", "want"),
    [
        ("Нeт", "en", "Нет"),  # т is Cyrillic only by its shape's pair, Н and т stand
        ("Зaявка", "en", "Заявка"),
        ("Ordеr", "ru", "Order"),
        ("API", "ru", "API"),
        ("CRM-системы", "ru", "CRM-системы"),
        ("2O", "en", "2O"),
        ("C0ntract", "en", "Contract"),
    ],
)
def test_letters_that_look_alike(word: str, prefer: str, want: str) -> None:
    assert repair(word, "ru" if prefer == "ru" else "en") == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("Ввод а, Ь, с", "Ввод a, b, c"),
        ("точки А, B, С", "точки А, B, С"),
        ("пункты а, б, в", "пункты а, б, в"),
        ("подождать, а затем", "подождать, а затем"),
        ("x, у, z", "x, y, z"),
    ],
)
def test_lists_of_single_letters_are_in_one_script(text: str, want: str) -> None:
    assert listed(text) == want


def test_twins_without_certain_letters_follow_the_page() -> None:
    assert same_script("СOKA", "ru") == "СОКА"
    assert same_script("COКA", "en") == "COKA"
    assert alike("HeT", "Нет")
    assert alike("O", "0")
    assert not alike("Да", "No")
    assert language_of(["Проверка API", "CRM"]) == "ru"
    assert language_of(["Check order"]) == "en"


@pytest.mark.parametrize(
    ("lines", "want"),
    [
        (["Рассмотрение за-", "явления"], "Рассмотрение заявления"),
        (["Sub-", "Process"], "Sub-Process"),
        (["IT-", "отдел"], "IT-отдел"),
        (["Check", "order"], "Check order"),
        (["e-", "mail"], "e-mail"),
        (["Расчёт -", "итог"], "Расчёт - итог"),
        ([], ""),
    ],
)
def test_joins_lines(lines: list[str], want: str) -> None:
    assert join_lines(lines) == want


@pytest.mark.parametrize(("reduced", "down"), [(2, 4), (2, 13), (3, 8)])
def test_small_words_that_a_dashed_line_runs_through_are_read(reduced: int, down: int) -> None:
    image = Image.new("RGB", (1500, 700), "white")
    draw, face = ImageDraw.Draw(image), ImageFont.truetype(SANS, 27)
    for number, text in enumerate(ENGLISH[:3] + ENGLISH[6:9]):
        x, y = 60 + number % 3 * 480, 60 + number // 3 * 200
        draw.rectangle((x, y, x + 400, y + 120), outline="black", width=3)
        draw.text((x + 200, y + 60), text, "black", face, anchor="mm")
    draw.text((200, 500), "Exclusive Gateway", "black", face, anchor="lt")
    draw.text((200, 540), "Divergence 1", "black", face, anchor="lt")
    for x in range(60, 900, 20):
        draw.line((x, 540 + down, x + 12, 540 + down), fill="black", width=3)
    small = image.resize((image.width // reduced, image.height // reduced), Image.Resampling.LANCZOS)
    assert any("Divergence 1" in line.text for line in read_text(prepare(small)).lines)


def scribbled(seed: int) -> Image.Image:
    """Wavy strokes as large as words, which no recogniser can read."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (900, 500), "white")
    draw = ImageDraw.Draw(image)
    for number in range(12):
        x, y = 60 + number % 3 * 280, 50 + number // 3 * 110
        steps = np.cumsum(rng.uniform(4, 11, 14)), rng.uniform(-9, 9, 14)
        draw.line([(x + dx, y + dy) for dx, dy in zip(*steps, strict=True)], "black", 2)
    return image


def test_whether_a_page_holds_print_is_told_by_its_letters() -> None:
    assert read_text(prepare(chart(ENGLISH))).printed
    assert read_text(prepare(chart(RUSSIAN))).printed
    assert not read_text(prepare(scribbled(1))).printed


@russian
def test_a_russian_line_on_an_english_page_is_read() -> None:
    found = read_text(prepare(chart([*ENGLISH[:3], "Согласовать с юристом", *ENGLISH[6:9]])))
    assert "Согласовать с юристом" in {line.text for line in found.lines}


def test_few_lines_of_clear_print_are_read_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = ocr_paddle.read
    monkeypatch.setattr(ocr_paddle, "read", lambda *crop, **how: asked.append(1) or real(*crop, **how))
    found = read_text(prepare(chart(ENGLISH)), "en")
    assert {line.text for line in found.lines} >= {"Receive order", "Approve invoice", "Ship goods"}
    assert len(asked) < len(ENGLISH) / 2


def test_an_empty_page() -> None:
    assert read_text(prepare(Image.new("RGB", (400, 300), "white"))).lines == ()


def test_threads_change_nothing() -> None:
    page = prepare(chart([*ENGLISH, *RUSSIAN], size=13))
    try:
        readings = []
        for count in (1, 3):
            threads.hold(count)
            readings.append(read_text(page).lines)
    finally:
        threads.hold(0)
    assert readings[0] == readings[1]
    assert readings[0]


def test_the_first_error_of_a_thread_is_raised() -> None:
    threads.hold(2)
    try:
        assert each(str, [3, 1, 2]) == ["3", "1", "2"]
        with pytest.raises(ZeroDivisionError):
            each(lambda number: 1 / number, [2, 0, 1])
    finally:
        threads.hold(0)
