"""Reads free text: numbered and bulleted steps with sub-steps, paragraphs of prose, and what belongs under what.

Lines become a tree by number (`2.1` under `2`) and indent; each line is told to `SentenceReader`, and what stands under
it goes where the line opened a place for it: the branch of a condition, the body of a loop, parallel branches, the
answers to a question, or else sub-steps. Lines that say nothing that can be drawn are quoted in warnings.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Final

from diagram.kinds import Language
from diagram.model import Diagram
from mermaid.draft_remarks import Remarks
from mermaid.draft_sentences import SentenceReader, bare_condition
from mermaid.draft_statements import Action, Choice, Goto, Loop, Parallel, Statement, Stop, build, capital

__all__ = ["read_outline"]

_BLANK: Final = re.compile(r"[^\S\n\t ]|[\x00-\x08\x0e-\x1f\x7f-\x9f]")  # all that is no plain blank, no line end
_DEEPEST: Final = 20
_TITLE: Final = 8  # words
_WRAPPED: Final = 40  # a line at least this long may go on in the next one
_MARKED: Final = re.compile(
    r"(?P<indent>[ \t]*)(?:(?:шаг|этап|пункт|step|stage)\s+(?P<step>\d{1,4}(?:\.\d{1,4})*)\s?[.:)—–-]?|"
    r"(?P<number>\d{1,4}(?:\.\d{1,4})*)(?:[.)]|(?<=\.\d)|(?<=\.\d\d))|(?P<letter>[^\W\d_])\)|"
    r"(?P<bullet>[-*•–—·‣◦]))\s+(?P<text>\S.*)",
    re.IGNORECASE,
)
_PLAIN: Final = re.compile(r"(?P<indent>[ \t]*)(?P<text>\S.*)")
_CLOSES: Final = re.compile(  # ends of blocks in pseudo-code, which indents tell as well
    r"\s*(?:end\s?(?:if|while|for|loop|repeat)|fi|конец\s+(?:если|цикла|условия)|все-если|[{}])[.;]?\s*", re.IGNORECASE
)
_LISTED: Final = re.compile(  # «пока …: а; б» means the same as a list below the line
    r"(?P<indent>[ \t]*)(?P<head>(?:(?:\d+(?:\.\d+)*[.)]|[-*•–—])[ \t]+)?"
    r"(?:пока|для\s+(?:каждого|каждой|всех)|повторя\w+|повторить|выполня\w+,?\s+пока|while|repeat"
    r"|for\s+(?:each|every|all)|параллельно|одновременно|in parallel|simultaneously"
    r"|at the same time)\b[^:;.\n]*):[ \t]+(?P<list>[^:;.\n]+(?:;[ \t]*[^:;.\n]+)+)[;.]?(?:[ \t]+(?P<rest>[^\n]+))?",
    re.IGNORECASE,
)
_REST: Final = re.compile(r"(?:то|иначе|then|else|otherwise)\b")  # never begins a step
_REPEAT: Final = re.compile(
    r"(?:повторять|повторяем|повторить|repeat)(?:\s+следующее|\s+the\s+following)?", re.IGNORECASE
)
_ANSWER: Final = re.compile(r"(?P<label>[^:→]{1,80}?)\s*(?:→|->|=>|:|\s[—–-])\s+(?P<body>\S.*)")
_CONDITION: Final = re.compile(
    r"(?:[^:]{0,50}:\s*)?(?:а\s+)?(?:если|иначе|в противном|if|else|otherwise)\b", re.IGNORECASE
)


@dataclass
class _Item:
    indent: int
    text: str
    number: str = ""
    marked: bool = False
    bullet: bool = False
    column: int = -1  # where the text begins, if there is a mark before it
    inner: list[_Item] = field(default_factory=list)


def read_outline(text: str, language: Language) -> tuple[Diagram, Remarks]:
    """The graph that the text tells, as far as the rules reach, and warnings that quote the rest."""
    warnings = Remarks(language)
    text = "\n".join(map(_listed, _BLANK.sub(" ", text).split("\n")))
    reader = _Reader(language, warnings)
    items = _tree(_items(text, warnings, reader.begins))
    statements = reader.block(items, 0)
    return build(statements, language, warnings), warnings


def _listed(line: str) -> str:
    """A loop or parallel work whose steps stand behind it, separated by semicolons, with the steps as a list."""
    match = _LISTED.fullmatch(line)
    if not match:
        return line
    indent = match["indent"]
    steps = [f"{indent}    - {step.strip()}" for step in match["list"].split(";")]
    rest = [indent + match["rest"]] if match["rest"] else []
    return "\n".join([f"{indent}{match['head']}:", *steps, *rest])


def _items(text: str, warnings: Remarks, opens: Callable[[str], bool]) -> list[_Item]:
    """One item a line; a line that goes on with the sentence before it is added to that item.

    Lines above a list are its heading unless they end a sentence or open something (`opens`).
    """
    out: list[_Item] = []
    after_blank, wide = True, False
    before_blank: set[int] = set()  # places of items with an empty line below them
    for line in text.split("\n"):
        if not line.strip():
            after_blank = True
            before_blank.add(len(out) - 1)
            continue
        if re.match(r"\s*(?:#{1,6}\s|```|-{3,}\s*$|={3,}\s*$|[↓→⬇|▼]+\s*$)", line):
            if not line.lstrip().startswith(("```", "---", "===", "↓", "→", "⬇", "|", "▼")) and out:
                warnings.note("heading", line.strip())
            continue
        if _CLOSES.fullmatch(line):
            continue
        marked = _MARKED.match(line)
        if marked:
            number = marked["step"] or marked["number"] or marked["letter"] or ""
            column = _width(line[: marked.start("text")])
            out.append(_Item(_width(marked["indent"]), marked["text"].strip(), number, True, not number, column))
        else:
            plain = _PLAIN.match(line)
            assert plain
            said = plain["text"].strip()
            goes_on = wide and not after_blank and not out[-1].text.endswith((".", "!", "?", ":", ";"))
            goes_on = goes_on and (said[0].islower() or (out[-1].marked and _width(plain["indent"]) > out[-1].indent))
            if goes_on or (
                out and out[-1].text.endswith(",") and (_REST.match(said) or _CONDITION.match(out[-1].text))
            ):
                out[-1].text += f" {said}"
            else:
                out.append(_Item(_width(plain["indent"]), said))
        after_blank = False
        wide = len(line) >= _WRAPPED
    first = next((i for i, item in enumerate(out) if item.marked), None)
    if first is None and len(out) > 1 and 0 in before_blank and _is_title(out, opens):
        warnings.note("heading", out[0].text)
        del out[0]
    if first is not None:
        headings = {
            i
            for i, item in enumerate(out[:first])
            if not opens(item.text)
            and not item.text.endswith((".", "!", "?"))
            and (not out[first].bullet or i in before_blank or item.text.endswith(":"))
        }
        for i in sorted(headings):
            warnings.note("heading", out[i].text)
        out = [item for i, item in enumerate(out) if i not in headings]
    return out


def _is_title(items: list[_Item], opens: Callable[[str], bool]) -> bool:
    """Whether a few words stand above prose, of whole sentences."""
    first, *rest = (item.text for item in items)
    prose = all(text.endswith((".", "!", "?", ":")) for text in rest)
    return prose and len(first.split()) <= _TITLE and not first.endswith((".", "!", "?", ";")) and not opens(first)


def _width(indent: str) -> int:
    return len(indent.expandtabs(4))


def _tree(items: list[_Item]) -> list[_Item]:
    """Items under the items that they belong to."""
    root = _Item(-1, "")
    path: list[_Item] = [root]
    for item in items:
        while len(path) > 1 and not _under(item, path[-1]):
            path.pop()
        if not item.marked and _CONDITION.match(item.text):
            # `5. Если …:`, its steps, and below the text of 5 the next «Если …:» or «Иначе:»
            beside = next((i for i, o in enumerate(path) if o.column == item.indent and _CONDITION.match(o.text)), None)
            if beside is not None:
                del path[beside:]
        del path[_DEEPEST:]
        over = path[-1]
        if item.number and not item.number[0].isdigit():
            item.number = f"{over.number}{item.number}"
        over.inner.append(item)
        path.append(item)
    return root.inner


def _under(item: _Item, over: _Item) -> bool:
    if item.number and over.number and item.number[0].isdigit():
        if item.number.startswith(f"{over.number}."):
            return True
        if "." in item.number or item.indent <= over.indent:
            return False
    if item.indent > over.indent:
        return True
    lesser = item.bullet or (bool(item.number) and item.number[0].isalpha())
    numbered = bool(over.number) and over.number[-1].isdigit()
    return item.indent == over.indent and lesser and (numbered or (not over.marked and _opens(over)))


def _opens(item: _Item) -> bool:
    return item.text.endswith((":", "?"))


class _Reader:
    def __init__(self, language: Language, warnings: Remarks) -> None:
        self.sentences = SentenceReader(language, warnings)
        self.words = self.sentences.words
        self.warnings = warnings

    def block(self, items: list[_Item], depth: int, role: str = "") -> list[Statement]:
        out: list[Statement] = []
        until: _Item | None = None
        for item, following in zip_longest(items, items[1:]):
            if item is until:
                continue
            if following and _REPEAT.fullmatch(item.text.rstrip(" :.")) and self.words.until.match(following.text):
                item.inner.append(following)
                until = following
            before = len(out)
            self.item(item, out, depth, role)
            if item.number and len(out) > before:
                out[before].number = item.number
        return out

    def item(self, item: _Item, out: list[Statement], depth: int, role: str) -> None:
        if not any(char.isalnum() for char in item.text):
            self.warnings.note("unclear", item.text)
            return
        if item.inner and self.opens(item, out, depth, role):
            return
        before = len(out)
        numbered = item.marked and not item.bullet
        isolated: list[Statement] = [] if numbered and not self.continues(item.text) else out
        for sentence in self.sentences.sentences(item.text):
            self.sentences.read(sentence, isolated, role)
        goes_on = item.marked and not any(inner.marked for inner in item.inner)
        if goes_on:  # paragraphs of one step
            for inner in item.inner:
                self.item(inner, isolated, depth + 1, role)
        if isolated is not out:
            out.extend(isolated)
        if item.inner and not goes_on:
            self.nest(item, out, before, depth, role)

    def begins(self, text: str) -> bool:
        """Whether the text is a condition, a loop, parallel work or a start, and so no heading."""
        _, said = self.sentences.role(text)
        words = self.words
        patterns = (words.starts_if, words.while_, words.each, words.repeat, words.parallel, words.start)
        return any(pattern.match(said) for pattern in patterns) or bool(_REPEAT.match(said)) or said != text

    def continues(self, text: str) -> bool:
        """Whether the text can only be understood as the rest of what stands before it."""
        _, said = self.sentences.role(text)
        token = self.words.tokens.match(said)
        return bool(
            (token and (token["else"] or token["elif"]))
            or self.words.yes_no.match(said)
            or self.words.meanwhile.match(said)
        )

    def opens(self, item: _Item, out: list[Statement], depth: int, role: str) -> bool:
        """Whether the line is a heading of what stands under it; then all of it has been read."""
        named, text = self.sentences.role(item.text)
        role = named or role
        said = text.rstrip(" :.…—–")
        words = self.words
        last = out[-1] if out else None
        token = words.tokens.match(said + ",")
        if token and isinstance(last, Choice) and last.other is None and (token["else"] or token["elif"]):
            rest = said[token.end() :].strip(" ,:—–-")
            if token["elif"]:
                last.branches.append((self.condition(rest), self.block(item.inner, depth + 1, role)))
                return True
            if not rest:
                last.other = self.block(item.inner, depth + 1, role)
                return True
        opening = words.starts_if.match(said)
        if opening and text.endswith((":", "то", "then", "—", "–")) and not _ends_body(said[opening.end() :]):
            condition = self.condition(said[opening.end() :])
            body = self.block(item.inner, depth + 1, role)
            if isinstance(last, Choice) and last.other is None and last.question is None and not item.number:
                last.branches.append((condition, body))
            else:
                out.append(Choice([(condition, body)], role=role))
            return True
        return self.opens_loop(item, said, out, depth, role) or self.asks(item, text, out, depth, role)

    def opens_loop(self, item: _Item, said: str, out: list[Statement], depth: int, role: str) -> bool:
        words = self.words
        match = words.while_.fullmatch(f"{said}:") or words.each.fullmatch(f"{said}:")
        if match and not match["body"].strip(" :"):
            each = match.re is words.each
            negative = None if each else words.while_not.match(match["cond"])
            condition = match["cond"][negative.end() :] if negative else match["cond"]
            body = self.block(item.inner, depth + 1, role)
            out.append(Loop(condition, body, until=bool(negative), each=each, role=role))
            return True
        match = words.repeat.fullmatch(said)
        if match and not match["body"].strip():
            body = self.block(item.inner, depth + 1, role)
            out.append(Loop(match["cond"], body, first=False, until=not match["while"], role=role))
            return True
        if _REPEAT.fullmatch(said):
            until = words.until.match(item.inner[-1].text.rstrip(" ."))
            inner = item.inner[:-1] if until else item.inner
            body = self.block(inner, depth + 1, role)
            if until:
                out.append(Loop(until["cond"], body, first=False, until=True, role=role))
            else:
                out.extend(body)
                self.warnings.note("until", item.text)
            return True
        match = words.parallel.fullmatch(said)
        if match and (not match["body"] or not words.verb.match(match["body"]) or item.text.rstrip().endswith(":")):
            out.append(Parallel([self.block([inner], depth + 1, role) for inner in item.inner], role))
            return True
        return False

    def asks(self, item: _Item, text: str, out: list[Statement], depth: int, role: str) -> bool:
        """A question with its answers below: `- Да: перейти к шагу 4`."""
        worded = self.words.decision_word.fullmatch(text.rstrip(" :"))
        answers = [self.answer(inner) for inner in item.inner]
        question = text.rstrip(" :")
        if not worded and not question.endswith("?") and not all(answers):
            return False
        if not any(answers) or (len(answers) < 2 and not worded and not question.endswith("?")):
            return False
        branches: list[tuple[str, list[Statement]]] = []
        other: list[Statement] | None = None
        for inner, answer in zip(item.inner, answers, strict=True):
            label, said = answer or ("", inner.text)
            body: list[Statement] = []
            for sentence in self.sentences.sentences(said) if said else ():
                self.sentences.read(sentence, body, role)
            body += self.block(inner.inner, depth + 1, role)
            if label:
                branches.append((label, body))
            else:
                other = body
        question = worded["text"].strip('«»"“” ') if worded else question
        if worded or question.endswith("?"):
            out.append(Choice(branches, other, question, role))
        else:
            self.sentences.read(question, out, role)
            out.append(Choice(branches, other, "", role))
        return True

    def answer(self, inner: _Item) -> tuple[str, str] | None:
        """Label and rest of a line such as `Да: согласовать` or `если нет, вернуться к шагу 2`."""
        text = inner.text
        opening = self.words.starts_if.match(text)
        if opening:
            yes_no = self.words.yes_no.match(text)
            if yes_no:
                return capital(yes_no["label"]), yes_no["body"]
            match = re.match(
                r"(?P<label>[^,:—]{1,80})\s*(?:,\s+(?:то\s+|then\s+)?|:\s*|\s—\s+)(?P<body>.*)", text[opening.end() :]
            )
            return (match["label"].strip(), match["body"]) if match else None
        token = self.words.tokens.match(text)
        if token and token["else"]:
            return "", text[token.end() :].lstrip(" ,:—–-")
        if text.endswith(":") and inner.inner:
            return text.rstrip(" :").strip('«»"“”'), ""
        match = _ANSWER.fullmatch(text)
        if not match:
            return None
        label = match["label"].strip(' «»"“”*')
        return (label, match["body"]) if len(label.split()) <= 8 else None

    def condition(self, text: str) -> str:
        return bare_condition(re.sub(r"[\s,]+(?:то|then)$", "", text))

    def nest(self, item: _Item, out: list[Statement], before: int, depth: int, role: str) -> None:
        """What stands under a line that opened nothing: the rest of its branch, or its sub-steps."""
        inner = self.block(item.inner, depth + 1, role)
        last = out[-1] if len(out) > before or out else None
        match last:
            case Choice() if last.other is not None:
                last.other.extend(inner)
            case Choice():
                last.branches[-1][1].extend(inner)
            case Loop():
                last.body.extend(inner)
            case Parallel():
                last.branches.extend([statement] for statement in inner)
            case Action() if len(out) > before and not (len(inner) == 1 and isinstance(inner[0], Goto | Stop)):
                last.inner.extend(inner)
            case Goto() | Stop() | Action() | None:
                out.extend(inner)


def _ends_body(text: str) -> bool:
    """Whether the condition is followed by what is done already."""
    return bool(re.search(r",\s+(?:то|then)\s+\S", text))
