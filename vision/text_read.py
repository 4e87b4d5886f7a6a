"""Reads one line with whichever recogniser is surer of it.

Print is read by the project's own recogniser first (raw cuts). English that it doubts goes to Tesseract (clean cuts),
then to PP-OCR (Latin, raw cuts, also handwriting) and to Tesseract's other language; Russian goes to Tesseract. Short
texts count only when two readings agree: icons and arrow heads look like letters to one recogniser, seldom to two.
Knows no pages, only lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from functools import partial

import cv2
import numpy as np

from diagram.kinds import Language
from vision import lexicon, ocr_paddle, ocr_print, ocr_tesseract
from vision.letters import Letters
from vision.parts import Box, Bytes, TextLine, Word
from vision.text_crop import LETTER, MARGIN, LineCrop
from vision.text_language import alike, cyrillic, is_answer, is_formula, latin, listed, repair
from vision.threads import each

SURE = 0.85  # every word at least
SURER = 0.93  # every word at least: no second opinion needed, of words in a list
OWN = 0.7  # every word of the own recogniser at least: no second opinion needed
KNOWN = 0.8  # every letter of words in a list, or of a few Cyrillic ones
CYRILLIC = 4  # letters that make a line of an English page Russian
PRINT = 0.5  # of a line: less is seldom print, unless another recogniser is surer
LETTERED = 0.6  # of a row of marks that may be anything: less holds no letters
ALIKE = 0.7  # every word at least: no third opinion needed where two recognisers read the same
FAINT = 0.8  # of a line of Tesseract's: less is not believed against the own recogniser, surer by EDGE
EDGE = 0.1
TOLD = 12  # letters that tell the language
CLEAR = 0.9  # sureness of each of them, and of a photo's lines
HEARD = 4  # lines of a photo that are asked for it


@dataclass(frozen=True, slots=True)
class Reader:
    """Recognisers at hand, for one page. tongues: installed Tesseract languages; paddle, own: whether PP-OCR and the
    own recogniser of print are there; printed: whether the page is known to hold print, what that sees no letters in
    then being none; seen: what the vote has read already, by place and recogniser."""

    tongues: frozenset[str] = field(default_factory=ocr_tesseract.languages)
    paddle: bool = field(default_factory=ocr_paddle.available)
    own: bool = field(default_factory=ocr_print.available)
    printed: bool = False
    seen: dict[tuple[object, ...], TextLine | None] = field(default_factory=dict)

    def vote(self, crops: list[LineCrop], *, photo: bool = False) -> Language:
        """The language of the longest lines, that of the recogniser which is surer; on photos English where PP-OCR is
        sure of its words."""
        longest = _longest(crops)
        if photo and self.paddle:
            lines = each(partial(self.latin, words=True), longest[:HEARD])
            if sum(line is not None and line.confidence >= CLEAR and lexicon.consists(line.text) for line in lines) > 1:
                return "en"
        if not {"rus", "eng"} <= self.tongues:
            return "ru" if "rus" in self.tongues and not self.paddle else "en"
        english = each(partial(self.tesseract, name="eng"), longest[:2])
        for crop, line in zip(longest, english, strict=False):
            self.seen[crop.box, crop.marks.light, "eng"] = line
        if len(english) > 1 and all(line and _size(line) >= 8 and _least(line) >= 0.9 for line in english):
            return "en"  # Cyrillic never reads so well
        lead, seen = 0.0, 0
        for crop in longest:
            lines = each(partial(self.tesseract, crop), ("eng", "rus"))
            for name, line in zip(("eng", "rus"), lines, strict=True):
                self.seen[crop.box, crop.marks.light, name] = line
            sure = [line.confidence if line and _size(line) >= 4 else 0.0 for line in lines]
            if max(sure) < 0.6:
                continue
            lead += (sure[0] - sure[1]) * min(len(crop.line.members), 12)
            seen += 1
            if seen >= 5 or (seen >= 2 and abs(lead) > 3 * seen):
                break
        return "ru" if lead < 0 else "en"

    def told(self, crops: list[LineCrop]) -> tuple[bool, Language | None]:
        """Whether the own recogniser is sure of letters of the longest lines, which are print then, and the language
        that nearly all of these belong to."""
        if not self.own:
            return False, None
        longest = _longest(crops)
        latin_letters = cyrillic_letters = 0
        for start in range(0, len(longest), 2):
            pair = longest[start : start + 2]
            for crop, line in zip(pair, each(self.print, pair), strict=True):
                self.seen[crop.box, crop.marks.light, "own"] = line
                for word in line.words if line else ():
                    if word.confidence >= CLEAR:
                        latin_letters += latin(word.text)
                        cyrillic_letters += cyrillic(word.text)
            if latin_letters + cyrillic_letters >= TOLD:
                share = cyrillic_letters / (latin_letters + cyrillic_letters)
                return True, "ru" if share > 0.8 else "en" if share < 0.2 else None
        return False, None

    def line(self, crop: LineCrop, spoken: Language) -> TextLine | None:
        """The line as text with measured confidence; None where nothing is read."""
        best = self._russian(crop) if spoken == "ru" and (self.own or "rus" in self.tongues) else self._latin(crop)
        if best is None:
            return None
        text = listed(" ".join(repair(word.text, spoken) for word in best.words))
        words = tuple(replace(word, text=own) for word, own in zip(best.words, text.split(" "), strict=True))
        return replace(best, words=words, text=text)

    def _latin(self, crop: LineCrop) -> TextLine | None:
        own, looks = None, 1.0
        if self.printed:
            cut = crop.raw()
            letters, latin_ones = ocr_print.read_twice(cut[0])
            own = _spelled(crop, cut, latin_ones)
            looks = max(letters.confidence, latin_ones.confidence)
            if latin_ones.least >= KNOWN and lexicon.consists(latin_ones.text):
                return own
            if letters.least >= KNOWN and cyrillic(letters.text) >= CYRILLIC > latin(letters.text):
                return _spelled(crop, cut, letters)
        first = self.tesseract(crop, "eng") if "eng" in self.tongues else None
        short = first is None or _size(first) < 3
        if own and first and own.text == first.text and _least(first) >= (SURE if short else ALIKE):
            return max(own, first, key=lambda line: line.confidence)
        if first and not short and _least(first) >= SURE:
            if _least(first) >= SURER and lexicon.knows(first.text):
                return first
            second = self.latin(crop, words=True) if self.paddle else None
            return second if second and second.confidence >= SURE and lexicon.knows(second.text) else first
        if looks < PRINT and (first is None or first.confidence < (SURER if short else PRINT)):
            return _weaker(first) if first else None
        if short and crop.narrow and self.tongues and (first is None or first.confidence < 0.3):
            return None  # an icon
        if self.tongues and not (first and _size(first)) and not crop.is_long:
            return None  # one recogniser alone sees letters in symbols
        second = self.latin(crop, words=True) if self.paddle else None
        if short and second and self.tongues and not (first and alike(first.text, second.text)):
            surer = second if not first or second.confidence > first.confidence else first
            if _size(second) < 2 or second.confidence < 0.95:
                return _weaker(surer)
        best = second if second and (first is None or second.confidence >= min(0.8, first.confidence)) else first
        if "rus" in self.tongues and len(crop.line.members) >= 3 and (best is None or best.confidence < 0.8):
            other = self.tesseract(crop, "rus")
            least = max(0.9, best.confidence + 0.1) if best else 0.9
            sane = other and all(w.text[1:].islower() or w.text.isupper() or not w.text.isalpha() for w in other.words)
            if other and sane and cyrillic(other.text) > latin(other.text) and other.confidence > least:
                best = other
        return best

    def _russian(self, crop: LineCrop) -> TextLine | None:
        own = self._cyrillic(crop) if self.own else None
        if own and _least(own) >= OWN:
            return own
        if "rus" not in self.tongues:
            return own or self._latin(crop)
        first = self.tesseract(crop, "rus")
        if own and first and own.text == first.text:
            return max(own, first, key=lambda line: line.confidence)
        if own and first and first.confidence < FAINT and own.confidence > first.confidence + EDGE:
            return own
        if first and _least(first) >= 0.85 and _size(first) >= 3:
            return first
        if self.paddle and len(crop.line.members) >= 3:
            formula = self.latin(crop)
            if formula and formula.confidence >= 0.9 and _is_formula(formula.text, len(crop.line.members)):
                return formula
        second = self.tesseract(crop, "eng") if "eng" in self.tongues else None
        if second and second.confidence > (first.confidence if first else 0.0) + 0.05:
            third = self.latin(crop) if self.paddle else second
            if third and third.confidence >= 0.8 and not (first and alike(first.text, third.text)):
                return third
        if first and first.confidence < 0.7 and _size(first) >= 3:
            return _confirmed(first, self.tesseract(crop, "rus", 1.3 * LETTER))
        return first

    def _cyrillic(self, crop: LineCrop) -> TextLine | None:
        """What the own recogniser reads, unless it is Latin, a formula perhaps, or so short that it may be a symbol."""
        own = self.print(crop)
        if own is None or latin(own.text) > cyrillic(own.text):
            return None
        return own if _size(own) >= 3 or (is_answer(own.text) and own.confidence >= CLEAR) else None

    def patch(self, gray: Bytes, box: Box, spoken: Language) -> TextLine | None:
        """One short line on a ground of one colour, cut out so closely that its letters may touch the edge.

        gray: (h, w); box: where it lies on the page.
        """
        if float(np.median(gray)) < 110:
            gray = np.asarray(cv2.bitwise_not(gray), np.uint8)
        if spoken == "ru" and "rus" in self.tongues:
            size = 2 * LETTER / gray.shape[0]
            scaled = cv2.resize(gray, None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC)
            edged = cv2.copyMakeBorder(scaled, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_REPLICATE)
            words = [(piece.text, piece.confidence) for piece in ocr_tesseract.read(np.asarray(edged, np.uint8), "rus")]
        elif self.paddle:
            margin = max(2, gray.shape[0] // 4)
            edged = cv2.copyMakeBorder(gray, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
            letters = ocr_paddle.read(np.asarray(edged, np.uint8), words=True)
            words = [(letters.text.strip(), letters.confidence)]
        else:
            return None
        text = " ".join(repair(word, spoken) for word, _ in words).strip(" -—|_")  # ends of the flow beneath
        return TextLine(text, box, min(sure for _, sure in words)) if text else None

    def tesseract(self, crop: LineCrop, name: str, letter: float = LETTER) -> TextLine | None:
        """One reading by Tesseract from the clean cut."""
        if letter == LETTER and (crop.box, crop.marks.light, name) in self.seen:
            return self.seen[crop.box, crop.marks.light, name]
        picture, size, (left, top) = crop.clean(letter, whole=letter != LETTER)
        pieces = ocr_tesseract.read(picture, name)
        if not pieces:
            return None
        spans = []
        for piece in pieces:
            a, c = (piece.box[0] - MARGIN) / size, (piece.box[2] - MARGIN) / size
            if crop.turn == 90:
                bottom = top + (picture.shape[1] - 2 * MARGIN) / size
                a, c = bottom - c, bottom - a
            else:
                start = top if crop.turn else left
                a, c = start + a, start + c
            spans.append((a, c))
        boxes = crop.word_boxes(spans)
        return _line([Word(p.text, b, p.confidence) for p, b in zip(pieces, boxes, strict=True)], crop)

    def latin(self, crop: LineCrop, *, words: bool = False) -> TextLine | None:
        """One reading by PP-OCR from the raw cut; words: of English ones."""
        cut = crop.raw()
        return _spelled(crop, cut, ocr_paddle.read(cut[0], words=words))

    def lettered(self, crop: LineCrop) -> TextLine | None:
        """One reading by PP-OCR, of English words; of print, where the own recogniser sees letters too."""
        if self.printed and ocr_print.read(crop.raw()[0]).confidence < LETTERED:
            return None
        return self.latin(crop, words=True)

    def print(self, crop: LineCrop) -> TextLine | None:
        """One reading by the own recogniser from the raw cut."""
        key = (crop.box, crop.marks.light, "own")
        if key in self.seen:
            return self.seen[key]
        cut = crop.raw()
        return _spelled(crop, cut, ocr_print.read(cut[0]))


def _longest(crops: Sequence[LineCrop]) -> list[LineCrop]:
    """The lines that tell the language."""
    return sorted(crops, key=lambda crop: (-min(len(crop.line.members), 24), crop.box))[:12]


def _spelled(crop: LineCrop, cut: tuple[Bytes, int], letters: Letters) -> TextLine | None:
    """The words of a line's raw cut (`LineCrop.raw`), as a recogniser has read it letter by letter."""
    picture, origin = cut
    half = 0.25 * picture.shape[0]
    pieces: list[tuple[str, float, tuple[float, float]]] = []
    start = 0
    text = letters.text + " "
    for end, character in enumerate(text):
        if character != " ":
            continue
        if end > start:
            place, sure = letters.places[start:end], letters.sure[start:end]
            span = crop.span(float(place[0]) - half, float(place[-1]) + half, origin)
            pieces.append((text[start:end], float(sure.mean()), span))
        start = end + 1
    if not pieces:
        return None
    boxes = crop.word_boxes([piece[2] for piece in pieces])
    return _line([Word(p[0], box, p[1]) for p, box in zip(pieces, boxes, strict=True)], crop)


def _line(words: list[Word], crop: LineCrop) -> TextLine:
    box = (
        min(word.box[0] for word in words),
        min(word.box[1] for word in words),
        max(word.box[2] for word in words),
        max(word.box[3] for word in words),
    )
    letters = sum(len(word.text) for word in words)
    confidence = sum(word.confidence * len(word.text) for word in words) / letters
    return TextLine(" ".join(word.text for word in words), box, confidence, tuple(words), crop.turn)


def _size(line: TextLine) -> int:
    return sum(ch.isalnum() for ch in line.text)


def _is_formula(text: str, marks: int) -> bool:
    """Whether a Latin reading is a formula; of so many marks, fewer signs leave out what is Cyrillic."""
    return is_formula(text) and len(text.replace(" ", "")) >= 0.6 * marks


def _least(line: TextLine) -> float:
    return min(word.confidence for word in line.words)


def _confirmed(line: TextLine, again: TextLine | None) -> TextLine:
    """The surer of two readings of a line at two sizes; its confidence is half its own, half their agreement (the
    recogniser's own figure is sometimes 0 for a word it reads right)."""
    if again is None:
        return line
    best = max(line, again, key=lambda one: one.confidence)
    a, b = line.text.replace(" ", ""), again.text.replace(" ", "")
    agreement = SequenceMatcher(None, a, b, autojunk=False).ratio()
    own = best.confidence / 2 + agreement / 2 if agreement > 0.7 else best.confidence
    words = tuple(replace(word, confidence=max(word.confidence, own)) for word in best.words)
    return replace(best, words=words, confidence=max(best.confidence, own))


def _weaker(line: TextLine) -> TextLine:
    """A short reading that no second one supports."""
    words = tuple(replace(word, confidence=word.confidence / 2) for word in line.words)
    return replace(line, words=words, confidence=line.confidence / 2)
