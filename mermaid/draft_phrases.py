"""Reads back the single phrases of `diagram.telling`: roles, heads of steps, sentences, branches, links.

One `PhraseReader` per language, made from the same table of words. Every method takes a text without its final mark
and scans it once, from the left.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from diagram.kinds import DiagramKind, Language, NodeType, Trigger
from diagram.phrases import MEANING, PLAIN_TYPE, Phrases, unquote
from diagram.wording import PHRASES

__all__ = ["NUMBER", "READERS", "Head", "PhraseReader"]

NUMBER: Final = r"[^\W\d_]?\d+(?:\.\d+|[^\W\d_]+)*"
_NUMBERS: Final = re.compile(rf"(?<!\w){NUMBER}")


@dataclass(frozen=True)
class Head:
    """What a step is: the key of its word ("" for none), its type, label and trigger; the rest begins at `end`."""

    key: str
    type: NodeType
    text: str
    trigger: Trigger | None
    end: int


class PhraseReader:
    """Reads phrases of one language."""

    def __init__(self, phrases: Phrases) -> None:
        self.say = phrases
        self._keys = {word.lower(): key for key, word in phrases.words.items()}
        self._triggers: dict[str, Trigger] = {said: trigger for trigger, said in phrases.triggers.items()}
        words, triggers = (
            "|".join(sorted(map(re.escape, said), key=len, reverse=True)) for said in (self._keys, self._triggers)
        )
        opening = re.escape(phrases.quotes[0])
        self._head = re.compile(
            rf"(?P<word>{words})(?: \((?P<trigger>{triggers})\))?(?P<bare> {re.escape(phrases.unlabelled)})?"
            rf"(?:(?P<label>:? (?={opening}))|(?=\. |$))",
            re.IGNORECASE,
        )
        self._sentences = sorted(
            ((said.split("{")[0], key.removesuffix("_many")) for key, said in phrases.sentences.items()),
            key=lambda pair: len(pair[0]),
            reverse=True,
        )
        mark = re.escape(phrases.lane_mark).replace(r"\{n\}", r"\d+")
        self._mark = re.compile(rf" {mark}")
        within = re.escape(phrases.lane_within).replace(r"\{n\}", r"\d+").replace(r"\{m\}", r"(?P<within>\d+)")
        self._within = re.compile(rf" {within}")
        self._actions = [
            re.compile(re.escape(said).replace(r"\{n\}", f"(?P<n>{NUMBER})"), re.IGNORECASE)
            for said in (phrases.go, phrases.back, phrases.again)
        ]

    def role(self, text: str, roles: Mapping[str, str]) -> tuple[str | None, int]:
        """The lane (a value of `roles`) that the text names first, before a colon, and where the rest begins."""
        at = 0
        while True:
            quoted = unquote(text, at, self.say.quotes)
            if quoted:
                at = quoted[1]
                mark = self._mark.match(text, at)
                at = mark.end() if mark else at
            else:
                ends = [place for place in (text.find(" / ", at), text.find(": ", at)) if place >= 0]
                if not ends:
                    return None, 0
                at = min(ends)
            if text.startswith(": ", at):
                lane = roles.get(text[:at])
                return (lane, at + 2) if lane is not None else (None, 0)
            if not text.startswith(" / ", at):
                return None, 0
            at += 3

    def head(self, text: str, at: int, kind: DiagramKind) -> Head:
        """What the step is and its label."""
        plain = PLAIN_TYPE[kind]
        quoted = unquote(text, at, self.say.quotes)
        if quoted:
            return Head("", plain, quoted[0], None, quoted[1])
        match = self._head.match(text, at)
        if match:
            key = self._keys[match["word"].lower()]
            trigger = self._triggers[match["trigger"].lower()] if match["trigger"] else None
            if match["label"]:
                quoted = unquote(text, match.end(), self.say.quotes)
                if quoted:
                    return Head(key, MEANING[kind][key], quoted[0], trigger, quoted[1])
            else:
                itself = kind == "flowchart" and key in ("start", "end") and not (trigger or match["bare"])
                label = self.say.words[key] if itself else ""
                return Head(key, MEANING[kind][key], label, trigger, match.end())
        end = text.find(". ", at)
        end = len(text) if end < 0 else end
        return Head("", plain, text[at:end], None, end)

    def sentences(self, text: str) -> list[tuple[str, list[str]] | str]:
        """The sentences of what follows a head, each its key and numbers; one that is not known as it is."""
        out: list[tuple[str, list[str]] | str] = []
        for sentence in text.split(". "):
            if sentence.strip():
                out.append(self.sentence(sentence.strip()) or sentence.strip())
        return out

    def sentence(self, text: str) -> tuple[str, list[str]] | None:
        """Key and numbers of one sentence."""
        for opening, key in self._sentences:
            if text.startswith(opening):
                return key, _NUMBERS.findall(text, len(opening))
        return None

    def branch(self, text: str, own: str) -> tuple[str, str] | None:
        """Label and target number of a line such as `Да: перейти к шагу 5`; `own` is the number of its step."""
        target = self._target(text, own)
        if target is not None:
            return "", target
        label, rest = self._label(text)
        target = self._target(rest, own)
        return None if target is None or label is None else (label, target)

    def link(self, text: str, lanes: Mapping[str, str]) -> tuple[str, tuple[str, str], tuple[str, str]] | None:
        """Label and both ends of a line such as `Запрос: от шага 3 к шагу 7`; `lanes` maps references to ids."""
        ends = self._ends(text, lanes)
        if ends:
            return "", *ends
        label, rest = self._label(text)
        ends = self._ends(rest, lanes) if label is not None else None
        return None if label is None or ends is None else (label, *ends)

    def lane_name(self, text: str) -> tuple[str, int | None]:
        """Name of a lane in the list of participants, and the place of the lane around it where that is said."""
        quoted = unquote(text, 0, self.say.quotes)
        within = self._within.search(text, quoted[1] if quoted else 0)
        outer = int(within["within"]) if within else None
        if quoted:
            return quoted[0], outer
        mark = within or self._mark.search(text)
        name = text[: mark.start()] if mark else text
        return "" if name == self.say.unnamed_lane else name, outer

    def lane_reference(self, text: str, at: int = 0) -> int:
        """Where the reference to a lane ends that begins at `at`; `at` itself when there is none."""
        begin = at
        while True:
            quoted = unquote(text, at, self.say.quotes)
            if quoted:
                at = quoted[1]
            elif text.startswith(self.say.unnamed_lane, at):
                at += len(self.say.unnamed_lane)
            else:
                return begin
            mark = self._mark.match(text, at)
            at = mark.end() if mark else at
            if not text.startswith(" / ", at):
                return at
            at += 3

    def marked(self, part: str) -> int:
        """The place in the list of participants that tells a lane from its namesakes; 0 when it needs none."""
        mark = re.search(rf"{self._mark.pattern}$", part)
        return int(re.findall(r"\d+", mark[0])[-1]) if mark else 0

    def quoted_part(self, part: str) -> str:
        """One part of a role as references write it: with the name in quotes."""
        if part.startswith((self.say.quotes[0], f"{self.say.unnamed_lane} (")):
            return part
        mark = self._mark.search(part)
        name = part[: mark.start()] if mark else part
        return self.say.quoted(name) + (mark[0] if mark else "")

    def path(self, text: str) -> list[str]:
        """The parts of `Pool / Lane`, each as it is written."""
        parts: list[str] = []
        at = 0
        while at <= len(text):
            quoted = unquote(text, at, self.say.quotes)
            end = text.find(" / ", quoted[1] if quoted else at)
            end = len(text) if end < 0 else end
            parts.append(text[at:end])
            at = end + 3
        return parts

    def onward(self, text: str, lanes: Mapping[str, str]) -> list[tuple[str, str, tuple[str, str]]] | None:
        """Kind of flow, label and target of each item in the last cell of a table; None when it is not ours."""
        out: list[tuple[str, str, tuple[str, str]]] = []
        at = 0
        while at < len(text):
            item = self._onward_item(text, at, lanes)
            if item is None:
                return None
            out.append(item[0])
            at = item[1]
            if at < len(text):
                if not text.startswith("; ", at):
                    return None
                at += 2
        return out

    def _onward_item(
        self, text: str, at: int, lanes: Mapping[str, str]
    ) -> tuple[tuple[str, str, tuple[str, str]], int] | None:
        kind, label = "sequence", ""
        for name, said in self.say.table_kinds.items():
            if text.startswith((f"{said} →", f"{said} {self.say.quotes[0]}"), at):
                kind, at = name, at + len(said) + 1
        quoted = unquote(text, at, self.say.quotes)
        if quoted:
            label, at = quoted[0], quoted[1] + 1
        number = _NUMBERS.match(text, at)
        direct = number and (number.end() == len(text) or text.startswith("; ", number.end()))
        if not quoted and kind == "sequence" and not direct and not self._lane_target(text, at, lanes):
            arrow = text.find(" → ", at)
            if arrow < 0:
                return None
            label, at = text[at:arrow], arrow + 1
        if text.startswith("→ ", at):
            at += 2
        elif quoted or label or kind != "sequence":
            return None
        target = self._lane_target(text, at, lanes)
        if target:
            return (kind, label, ("lane", target[0])), target[1]
        number = _NUMBERS.match(text, at)
        return ((kind, label, ("node", number[0])), number.end()) if number else None

    def _lane_target(self, text: str, at: int, lanes: Mapping[str, str]) -> tuple[str, int] | None:
        word = f"{self.say.table_lane.lower()} "
        if not text.startswith(word, at):
            return None
        begin = at + len(word)
        end = self.lane_reference(text, begin)
        lane = lanes.get(text[begin:end]) if end > begin else None
        return (lane, end) if lane is not None else None

    def _label(self, text: str) -> tuple[str | None, str]:
        quoted = unquote(text, 0, self.say.quotes)
        if quoted and text.startswith(": ", quoted[1]):
            return quoted[0], text[quoted[1] + 2 :]
        label, colon, rest = text.partition(": ")
        return (label, rest) if colon else (None, "")

    def _target(self, text: str, own: str) -> str | None:
        for action in self._actions:
            match = action.fullmatch(text)
            if match:
                return match["n"] if "n" in match.re.groupindex else own
        return None

    def _ends(self, text: str, lanes: Mapping[str, str]) -> tuple[tuple[str, str], tuple[str, str]] | None:
        opening, rest = self.say.from_to.split("{source}")
        between = rest.split("{target}")[0]
        if text[: len(opening)].lower() != opening.lower():
            return None
        source = self._end(text, len(opening), self.say.step_from, self.say.lane_from, lanes)
        if source is None or not text.startswith(between, source[1]):
            return None
        target = self._end(text, source[1] + len(between), self.say.step_to, self.say.lane_to, lanes)
        return (source[0], target[0]) if target and target[1] == len(text) else None

    def _end(
        self, text: str, at: int, step: str, lane: str, lanes: Mapping[str, str]
    ) -> tuple[tuple[str, str], int] | None:
        lane_word, step_word = lane.split("{", maxsplit=1)[0], step.split("{", maxsplit=1)[0]
        if text.startswith(lane_word, at):
            begin = at + len(lane_word)
            end = self.lane_reference(text, begin)
            found = lanes.get(text[begin:end])
            return None if found is None else (("lane", found), end)
        number = _NUMBERS.match(text, at + len(step_word) if text.startswith(step_word, at) else at)
        return (("node", number[0]), number.end()) if number else None


READERS: Final[dict[Language, PhraseReader]] = {language: PhraseReader(said) for language, said in PHRASES.items()}
