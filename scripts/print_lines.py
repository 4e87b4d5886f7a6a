"""Lines of print as uploaded pictures hold them, with what they say: what `train_print.py` teaches with.

Words of two languages in the typefaces of this machine, drawn small, then blurred, compressed, enlarged and cut out as
a page's lines are. Which typefaces there are, fontconfig says; the words are those of the package wordfreq.
"""

from __future__ import annotations

import random
import string
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Gray = NDArray[np.uint8]

CYRILLIC = "".join(map(chr, range(ord("А"), ord("я") + 1))) + "Ёё"
SIGNS = " .,:;!?()[]{}/\\|-–—+*=<>%№#@&'\"«»_$€°~^…•"
ALPHABET = string.digits + string.ascii_letters + CYRILLIC + SIGNS

# typefaces of diagrams are mostly sans serif, upright and regular
FAMILIES = (
    *("Arimo", "Caladea", "Cantarell", "Carlito", "Cousine", "DejaVu", "EBGaramond", "Fira", "Free", "Hack", "Inter"),
    *("JetBrains", "Liberation", "LinLibertine", "NotoMono", "NotoSans-", "NotoSerif-", "OpenSans", "PT", "Roboto"),
    "Tinos",
)
USUAL = ("Arimo", "Carlito", "DejaVuSans", "LiberationSans-", "NotoSans-", "OpenSans", "PTS", "Roboto")
RARE = {"Italic": 0.3, "Oblique": 0.3, "Light": 0.3, "Bold": 0.35, "Mono": 0.5, "Cond": 0.3, "Narrow": 0.3}
STRANGE = ("Math", "Thin", "Hair", "ExtraLight", "Black", "Initial", "Symbol", "UltraLight")

LONGEST = 30  # signs of a line
WORDS = 150_000  # of a language, the most usual
FLAT = 0.42  # power of a word's usualness: rare ones are to be read as well
RUSSIAN = 0.5  # of the lines
SMALLEST, SMALL, LARGE = 4.8, 17.0, 32.0  # pixels of the em


@dataclass(frozen=True)
class Words:
    """Words of one language and how likely each is to be drawn, summed up."""

    words: Sequence[str]
    sums: NDArray[np.float64]

    def draw(self, rng: random.Random) -> str:
        return self.words[int(np.searchsorted(self.sums, rng.random() * self.sums[-1]))]


def usual_words(language: str) -> Words:
    """language: "en" or "ru"."""
    import wordfreq

    letters = set(CYRILLIC if language == "ru" else string.ascii_letters) | set("-'")
    known = wordfreq.get_frequency_dict(language, "large").items()
    usual = sorted(((w, p) for w, p in known if letters.issuperset(w) and len(w) <= 18), key=lambda item: -item[1])
    usual = [item for item in usual[:WORDS] if len(item[0]) > 1 or item[0] in "аиоуксвяai"]
    return Words([word for word, _ in usual], np.cumsum([chance**FLAT for _, chance in usual]))


def typefaces() -> dict[str, float]:
    """Font files that have both alphabets, and how often each is to be used."""
    asked = ["fc-list", ":lang=ru:lang=en", "--format", "%{file}\n"]
    files = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split("\n")
    found: dict[str, float] = {}
    for file in sorted(set(files)):
        name = file.rsplit("/", 1)[-1]
        if name.endswith((".ttf", ".otf")) and name.startswith(FAMILIES) and not any(s in name for s in STRANGE):
            weight = 6.0 if name.startswith(USUAL) else 1.0
            for style, rarity in RARE.items():
                weight *= rarity if style in name else 1.0
            found[file] = weight
    return found


class Lines:
    """An endless source of lines; the same for the same seed, words and fonts.

    `draw` gives (crop, text): crop (h, w) uint8, dark on light; text of ALPHABET's signs. smallest: pixels of the em.
    """

    def __init__(self, seed: int, words: Mapping[str, Words], fonts: Mapping[str, float]) -> None:
        self._rng, self._noise = random.Random(seed), np.random.default_rng(seed)
        self._words, self._fonts, self._weights = words, list(fonts), list(fonts.values())
        self.smallest = SMALLEST

    def draw(self) -> tuple[Gray, str]:
        """One line. Drawn large and reduced, or at its size with hinting; blurred as by a second reduction."""
        rng, text = self._rng, self.text()
        smallest = self.smallest
        em = np.exp(rng.uniform(np.log(smallest), np.log(max(SMALL, 1.5 * smallest))))
        em = float(em) if rng.random() < 0.8 else rng.uniform(15, LARGE)
        shrink = rng.uniform(0.55, 0.95) if rng.random() < 0.35 else 1.0
        finer = rng.choice((1, 1, 3, 4)) if shrink == 1.0 else rng.choice((1, 1, 1, 3))
        if em < 7 and rng.random() < 0.7:
            shrink, finer = 1.0, 4
        file = rng.choices(self._fonts, self._weights)[0]
        font = ImageFont.truetype(file, round(em / shrink * finer * 4) / 4, layout_engine=ImageFont.Layout.BASIC)
        beside = rng.random() < 0.12  # it goes on: marks were not all joined, or a flow runs through
        drawn, box = self._drawn(text, font, finer / shrink, finer, beside=beside)
        small = self._reduced(drawn, shrink / finer, coarse=finer == 1)
        ratio = small.shape[1] / drawn.shape[1], small.shape[0] / drawn.shape[0]
        small = self._worn(small)
        up = rng.uniform(1.2, 3) if rng.random() < 0.6 else 1.0
        if up > 1:
            how = rng.choice((cv2.INTER_CUBIC, cv2.INTER_CUBIC, cv2.INTER_LINEAR))
            small = np.asarray(cv2.resize(small, None, fx=up, fy=up, interpolation=how), np.uint8)
        x0, y0, x1, y1 = (value * ratio[i % 2] * up for i, value in enumerate(box))
        return self._cut(small, x0, y0, x1, y1, tight=beside), text

    def text(self) -> str:
        """What a line says: mostly one to four words, also numbers and single letters in any order."""
        rng = self._rng
        language = "ru" if rng.random() < RUSSIAN else "en"
        kind = rng.random()
        if kind < 0.06:
            signs = (CYRILLIC if language == "ru" else string.ascii_letters) + string.digits
            text = "".join(rng.choice(signs) for _ in range(rng.randint(1, 9)))
        else:
            text = self._number() if kind < 0.12 else self._phrase(language)
        text = text[:LONGEST].strip()
        return "".join(sign for sign in text if sign in ALPHABET) or "a"

    def _phrase(self, language: str) -> str:
        rng = self._rng
        count = rng.choices((1, 2, 3, 4), (0.38, 0.36, 0.18, 0.08))[0]
        other = "en" if language == "ru" and rng.random() < 0.04 else language
        words = [self._words[other].draw(rng) for _ in range(count)]
        if language == "ru" and rng.random() < 0.03:
            words[0] = words[0].replace("е", "ё", 1)
        if rng.random() < 0.08:
            words[rng.randrange(count)] = self._number()
        case = rng.random()
        if case < 0.42:
            words[0] = words[0].capitalize()
        elif case < 0.60:
            words = [word.capitalize() for word in words]
        elif case < 0.70:
            words = [word.upper() for word in words]
        text = " ".join(words)
        end = rng.random()
        if end < 0.20:
            text += rng.choice(("?", "?", ".", ",", ":", "!", "...", "…"))
        frame = rng.random()
        if frame < 0.06:
            return (
                f"{rng.randint(1, 40)}. {text}" if frame < 0.04 else f"{rng.randint(1, 9)}.{rng.randint(1, 9)} {text}"
            )
        if frame < 0.14:
            left, right = rng.choice(("()", "()", "[]", "«»" if language == "ru" else '""'))
            return left + text + right
        if frame < 0.17 and count > 1:
            before, last = text.rsplit(" ", 1)
            return f"{before} ({last})"
        if frame < 0.20:
            return text.replace(" ", rng.choice(("", "-", "/", " / ", " - ", ", ", " & ", " – ", "_")), 1)
        return text

    def _number(self) -> str:
        rng, kind = self._rng, self._rng.random()
        if kind < 0.4:
            return str(rng.randint(0, 10 ** rng.randint(1, 5)))
        if kind < 0.7:
            return f"{rng.randint(0, 999)}{rng.choice('.,')}{rng.randint(0, 99)}"
        if kind < 0.8:
            return f"{rng.randint(0, 100)}%"
        if kind < 0.9:
            return (
                f"{rng.randint(1, 31):02d}{rng.choice('./-')}{rng.randint(1, 12):02d}{rng.choice(('', '.2024', '/25'))}"
            )
        return f"{rng.choice(('№', '#', '№ ', '$', '€', '>', '<', '<= ', '>= ', '= ', 'x='))}{rng.randint(0, 9999)}"

    def _drawn(
        self, text: str, font: ImageFont.FreeTypeFont, scale: float, finer: int, *, beside: bool
    ) -> tuple[Gray, tuple[float, float, float, float]]:
        """The line on its ground, with what may stand beside it, and the box of its letters."""
        rng = self._rng
        x0, y0, x1, y1 = font.getbbox(text)
        pad = int(14 * scale)
        width, height = int(x1 - x0 + 2 * pad), int(y1 - y0 + 2 * pad)
        paper = rng.randint(150, 255) if rng.random() < 0.45 else 255
        ink = rng.randint(0, max(0, paper - 70)) if rng.random() < 0.4 else rng.randint(0, 40)
        picture = Image.new("L", (width, height), paper)
        pen = ImageDraw.Draw(picture)
        pen.text((pad - x0 + rng.random() * finer, pad - y0 + rng.random() * finer), text, font=font, fill=ink)
        right, bottom, high = pad + x1 - x0, pad + y1 - y0, y1 - y0
        if rng.random() < 0.25:  # a border or flow
            away = rng.uniform(0.12, 0.5) * high + finer
            level, thick = rng.randint(0, max(0, paper - 40)), max(1, round(rng.uniform(0.8, 2.2) * scale))
            at = rng.choice(((0, pad - away, width, pad - away), (0, bottom + away, width, bottom + away)))
            if rng.random() < 0.4:
                x = rng.choice((pad - 1.5 * away, right + 1.5 * away))
                at = (x, 0, x, height)
            pen.line(at, fill=level, width=thick)
        if rng.random() < 0.25:  # the line before or after
            other = " ".join(self._words[language].draw(rng) for language in ("ru", "en"))
            y = bottom + rng.uniform(0.1, 0.4) * high if rng.random() < 0.5 else pad - rng.uniform(1.1, 1.5) * high
            pen.text((pad - x0 + rng.uniform(-2, 2) * high, y - y0), other, font=font, fill=ink)
        if beside:
            other = self._words[rng.choice(("ru", "en"))].draw(rng)
            gap = rng.uniform(0.04, 0.15) * high
            x = right + gap if rng.random() < 0.5 else pad - gap - font.getlength(other)
            pen.text((x, pad - y0), other, font=font, fill=ink)
        return np.asarray(picture), (pad, pad, right, bottom)

    def _reduced(self, drawn: Gray, scale: float, *, coarse: bool) -> Gray:
        if scale == 1.0:
            return drawn
        size = max(8, round(drawn.shape[1] * scale)), max(8, round(drawn.shape[0] * scale))
        if coarse and self._rng.random() < 0.5:
            how = self._rng.choice((Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS))
            return np.asarray(Image.fromarray(drawn).resize(size, how))
        ways = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
        return np.asarray(cv2.resize(drawn, size, interpolation=self._rng.choice(ways) if coarse else cv2.INTER_AREA))

    def _worn(self, line: Gray) -> Gray:
        """What compression and noise make of it."""
        rng, (height, width) = self._rng, line.shape
        if rng.random() < 0.5:
            x, y = rng.randrange(8), rng.randrange(8)  # where the blocks begin
            sheet = np.full((height + 16, width + 16), line[0, 0], np.uint8)
            sheet[y : y + height, x : x + width] = line
            quality = rng.randint(30, 60) if rng.random() < 0.6 else rng.randint(60, 95)
            data = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            line = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)[y : y + height, x : x + width]
        if rng.random() < 0.1:
            grain = self._noise.normal(0, rng.uniform(1, 8), line.shape)
            line = np.clip(line + grain, 0, 255).astype(np.uint8)
        return np.asarray(line, np.uint8)

    def _cut(self, picture: Gray, x0: float, y0: float, x1: float, y1: float, *, tight: bool) -> Gray:
        """The line with a rim as narrow as `vision.text_crop` leaves, sometimes wider; tight: letters stand beside."""
        rng, high = self._rng, y1 - y0
        wide = rng.random() >= 0.85
        above, below = ((rng.uniform(0, 0.6) if wide else rng.uniform(-0.04, 0.3)) * high + rng.random() for _ in "ab")
        before, after = (rng.uniform(0, 0.15 if tight else 0.45) * high + (not tight) * rng.random() for _ in "ab")
        left, top = max(0, round(x0 - before)), max(0, round(y0 - above))
        return picture[top : round(y1 + below), left : round(x1 + after)]
