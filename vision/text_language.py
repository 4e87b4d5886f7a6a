"""Scripts and letters: which language a text is in, letters that look alike put right, lines joined into one text.

Works on strings only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from diagram.kinds import Language

_TWINS = "AАBВCСEЕHНKКMМOОPРTТXХYУaаcсeеoоpрxхyуkкuи"
TO_CYRILLIC = {ord(_TWINS[i]): _TWINS[i + 1] for i in range(0, len(_TWINS), 2)}
TO_LATIN = {ord(_TWINS[i + 1]): _TWINS[i] for i in range(0, len(_TWINS), 2)}
_SOFT = str.maketrans("Ьь", "bb")  # no word is so short
_SIGNS = frozenset("=<>+*/≤≥≠[]^")
_HYPHENS = "-\u2010\u00ad"

_PAIRS = (("yes", "no"), ("true", "false"), ("да", "нет"), ("истина", "ложь"))
OTHER = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}
ANSWERS = frozenset({*OTHER, "ok", "else", "default", "иначе"})


def is_answer(text: str) -> bool:
    """Whether a text is one of the words that answer a question."""
    return _bare(text) in ANSWERS


def bare_answer(text: str) -> str:
    """The text; an answer without the specks beside it that were read as signs (",да.")."""
    bare = text.strip(" .,‚:;'`|")
    return bare if bare.casefold() in ANSWERS else text


def other_answer(text: str, scrap: str) -> str:
    """What `scrap`, up to three signs that nobody knows as a word, must say where the other answer is `text`; empty
    where it holds no letter of that, or of another length."""
    want = OTHER.get(_bare(text), "")
    shape = _shape(scrap)
    if is_answer(scrap) or not 0 < len(shape) <= 3 or abs(len(shape) - len(want)) > 1:
        return ""
    if not set(shape) & set(_shape(want)):
        return ""
    return want.capitalize() if text[:1].isupper() else want


def _bare(text: str) -> str:
    return text.casefold().strip(" .,:;!")


def latin(text: str) -> int:
    """Number of Latin letters."""
    return sum("a" <= ch <= "z" for ch in text.lower())


def cyrillic(text: str) -> int:
    """Number of Cyrillic letters."""
    return sum("\u0400" <= ch <= "\u04ff" for ch in text)


def is_formula(text: str) -> bool:
    """Whether a text says something with the signs of formulas: `i := i + 1`, `A[j] < A[k]?`."""
    bare = text.replace(" ", "")
    return len(bare) > 1 and any(ch in _SIGNS for ch in bare) and any(ch.isalnum() for ch in bare)


def alike(a: str, b: str) -> bool:
    """The same text as far as shapes tell: case, O/0, l/1/I and look-alike letters of the two scripts aside."""
    return _shape(a) == _shape(b)


def _shape(text: str) -> str:
    text = "".join(ch for ch in text if ch.isalnum()).translate(TO_LATIN).casefold()
    return text.translate(str.maketrans("0liзтнмкв", "o113thmkb"))


def language_of(texts: Iterable[str]) -> Language:
    """ "ru" when a quarter of the letters are Cyrillic: Russian diagrams hold Latin names, English ones no Cyrillic."""
    joined = "".join(texts)
    return "ru" if cyrillic(joined) * 3 > latin(joined) else "en"


def same_script(word: str, prefer: Language) -> str:
    """The word with look-alike letters of the other script put into the script of its certain letters.

    Letters that exist in one script only decide; where there are none, `prefer` does. A word with certain letters of
    both scripts (a product name glued to an ending) stays as it is.
    """
    sure_latin = sum(1 for ch in word if latin(ch) and ord(ch) not in TO_CYRILLIC)
    sure_cyrillic = sum(1 for ch in word if cyrillic(ch) and ord(ch) not in TO_LATIN)
    if not latin(word) or not cyrillic(word):
        return word
    if sure_latin and sure_cyrillic:
        return word
    to_cyrillic = sure_cyrillic > 0 or (sure_latin == 0 and prefer == "ru")
    return word.translate(TO_CYRILLIC if to_cyrillic else TO_LATIN)


def repair(word: str, prefer: Language) -> str:
    """`same_script`, and 0/O, 1/l/I, 3/З told apart by their neighbours."""
    word = same_script(word, prefer)
    if prefer == "ru" and re.fullmatch(r"[ABEeHKMOoPpCcTXxyauk]*[a-z][A-Z]", word) and not cyrillic(word):
        word = word.translate(TO_CYRILLIC).capitalize()  # HeT: no Latin word ends with a capital
    if re.fullmatch(r"[^\W\d_]{2,}0[^\W\d_]*|[^\W\d_]+0[^\W\d_]{2,}", word):
        zero = "о" if cyrillic(word) else "o"
        word = word.replace("0", zero.upper() if word.replace("0", "").isupper() else zero)
    return word


def listed(text: str) -> str:
    """A text whose lists of single letters are Latin, where one of them is: "а, Ь, с" is "a, b, c"."""

    def letters(found: re.Match[str]) -> str:
        part = found[0].translate(_SOFT)
        sure = any(latin(ch) and ord(ch) not in TO_CYRILLIC for ch in part)
        return part.translate(TO_LATIN) if sure else found[0]

    return re.sub(r"(?<!\w)[^\W\d_](?:, ?[^\W\d_])+(?!\w)", letters, text)


def join_lines(lines: Sequence[str]) -> str:
    """Lines of one label as one text, hyphenation undone.

    A hyphen at a line's end is dropped where a lower-case letter goes on below it, unless the part before it stands
    for itself (an upper-case or one-letter prefix: "e-", "IT-") or the word has another hyphen; it is kept, without a
    space, in all other words.
    """
    text = ""
    for line in (" ".join(line.split()) for line in lines):
        if not line:
            continue
        if text and text[-1] in _HYPHENS and len(text) > 1 and text[-2].isalpha():
            before = re.split(r"\s", text)[-1][:-1]
            goes_on = line[0].islower() and not before.isupper() and len(before) > 1
            if goes_on and not any(ch in before for ch in _HYPHENS):
                text = text[:-1] + line
            else:
                text += line
        else:
            text = f"{text} {line}" if text else line
    return text
