"""Turns sentences into statements: conditions, loops, parallel work, jumps, roles, ends; anything else is an action.

A sentence may go on with the statement before it («Иначе …», "Meanwhile …", «Если нет, …»), so statements are appended
to a list. Sentences longer than `_LONGEST` are taken as they are; nested conditions go `_DEEPEST` levels down.
"""

from __future__ import annotations

import re
from typing import Final

from diagram.kinds import Language
from mermaid.draft_lexicon import LEXICONS, Lexicon
from mermaid.draft_remarks import Remarks
from mermaid.draft_statements import Action, Choice, Goto, Loop, Parallel, Statement, Stop, capital

__all__ = ["SentenceReader", "bare_condition"]

_LONGEST: Final = 600
_DEEPEST: Final = 12
_BREAK: Final = re.compile(r"(?<=[.!?…])\s+(?=[^\W_a-zа-яё]|[«\"“(\[])|;\s+")
_ROLE: Final = re.compile(
    r"\[(?P<inner>[^\[\]\n]{1,80})\]\s*:?\s*(?P<a>\S.*)|(?P<outer>[^\W\d_][^:.!?;,→|«»\"“”]{0,50}):\s+(?P<b>\S.*)"
)
_EMPHASIS: Final = re.compile(r"\*\*(.+?)\*\*|__(.+?)__|`([^`]+)`")
_AND: Final = re.compile(r"\s*[,;]\s+(?:(?:and|и|а)\s+)?|\s+(?:and|и)\s+")
_STEP: Final = re.compile(r"(?:№|#)?\s?(?P<n>\d{1,4}(?:\.\d{1,4})*)")
_COMMA: Final = re.compile(r"\s*(?:,|:|\s[—–-])\s+")


class SentenceReader:
    """Reads the sentences of one language."""

    def __init__(self, language: Language, warnings: Remarks) -> None:
        self.words: Lexicon = LEXICONS[language]
        self.warnings = warnings

    def sentences(self, text: str) -> list[str]:
        """The sentences of a paragraph; abbreviations do not end one."""
        out: list[str] = []
        at = 0
        for gap in _BREAK.finditer(text):
            piece = text[at : gap.start()]
            if gap[0].startswith(";") and self.words.loop_head.match(piece[:_LONGEST]):
                continue  # what the loop does, up to the end of the sentence
            if gap[0].startswith(";") or not self.words.abbreviation.match(piece[-12:]):
                out.append(piece)
                at = gap.end()
        out.append(text[at:])
        return [clean for piece in out if (clean := piece.strip())]

    def read(self, sentence: str, out: list[Statement], role: str = "", depth: int = 0) -> None:
        """Append what the sentence says to `out`, or extend the last statement of `out` by it."""
        text = _EMPHASIS.sub(lambda m: m[1] or m[2] or m[3], " ".join(sentence.split()))
        named, text = self.role(text)
        role = named or role
        text = self._without(text.rstrip(" .;,:…"), self.words.opening) if not text.endswith("?") else text
        if not text:
            return
        if self.words.remark.match(text):
            self.warnings.note("aside", text)
            return
        if len(text) > _LONGEST or depth > _DEEPEST:
            out.append(Action(text, role))
            return
        if not self._continues(text, out, role, depth):
            self._states(text, out, role, depth)

    def role(self, text: str) -> tuple[str, str]:
        """Who does it and what is left of the text; "" when nobody is named."""
        match = _ROLE.match(text[: _LONGEST * 2])
        if not match:
            return "", text
        name = (match["inner"] or match["outer"]).strip()
        rest = text[match.start("a") if match["inner"] else match.start("b") :]
        if match["inner"]:
            return name, rest
        if len(name.split()) > 4 or self.words.no_role.match(name) or not name[0].isupper():
            return "", text
        return name, rest

    def clauses(self, text: str, role: str, depth: int = 0) -> list[Statement]:
        """The statements of a piece that opens no condition: actions one after the other, then perhaps a jump."""
        out: list[Statement] = []
        for part in self.words.then.split(text):
            self._clause(part.strip(" ,.;:"), out, role, depth)
        return out

    def branches(self, text: str, role: str, depth: int) -> list[list[Statement]]:
        """The parts of a listing that are done at the same time."""
        parts = [part for part in re.split(r"\s*;\s*", text) if part]
        if len(parts) == 1:
            parts = [part for part in self.words.listing.split(text) if part]
            if not all(self.words.verb.match(part) for part in parts[1:]):
                parts = [part for part in re.split(r"\s*,\s*", text) if part]
        out: list[list[Statement]] = []
        for part in parts:
            branch: list[Statement] = []
            self.read(part, branch, role, depth + 1)
            out.append(branch)
        return out

    def _continues(self, text: str, out: list[Statement], role: str, depth: int) -> bool:
        """Whether the sentence went on with the statement before it."""
        last = out[-1] if out else None
        token = self.words.tokens.match(text)
        if token and isinstance(last, Choice):
            rest = text[token.end() :].lstrip(" ,:—–-")
            if token["else"] and last.other is None and not self.words.yes_no.match(text):
                last.other = self._body(rest, role, depth)
                return True
            if token["elif"] and last.other is None:
                self._condition(rest, last, role, depth)
                return True
            if token["if"] and last.other is None and last.question is None and not self.words.yes_no.match(text):
                self._condition(rest, last, role, depth)
                return True
        answer = self.words.yes_no.match(text)
        if answer and out:
            return self._answer(capital(answer["label"]), answer["body"], out, role, depth)
        bare = self.words.bare_answer.match(text)
        if bare and (
            (isinstance(last, Action) and last.text.endswith("?"))
            or (isinstance(last, Choice) and last.question is not None and last.other is None)
        ):
            return self._answer(capital(bare["label"]), bare["body"], out, role, depth)
        if token and (token["else"] or token["elif"]):
            self.warnings.note("other_case", text)
        beside = self.words.meanwhile.match(text)
        if beside and last is not None and not isinstance(last, Goto | Stop):
            branch = self._body(beside["body"], role, depth)
            if isinstance(last, Parallel):
                last.branches.append(branch)
            else:
                out[-1] = Parallel([[last], branch], number=last.number)
            return True
        return False

    def _answer(self, label: str, body: str, out: list[Statement], role: str, depth: int) -> bool:
        """Add what follows from an answer; "5, No -> 7" tells the other answer, too, and steps by their numbers."""
        beside = self.words.next_answer.search(body)
        if beside and depth <= _DEEPEST:
            self._answer(label, body[: beside.start()], out, role, depth + 1)
            self.read(body[beside.end() :], out, role, depth + 1)
            return True
        place = self._own_else(body)
        if place and place["else"] and depth <= _DEEPEST:
            self._answer(label, body[: place.start()], out, role, depth + 1)
            last = out[-1]
            if isinstance(last, Choice) and last.other is None:
                last.other = self._body(body[place.end() :].lstrip(" ,:—–-"), role, depth)
            return True
        last = out[-1]
        if isinstance(last, Action) and last.text.endswith("?"):
            out[-1] = last = Choice([], None, last.text, last.role, last.number)
        elif not (isinstance(last, Choice) and last.other is None):
            last = Choice([], None, "", role)
            out.append(last)
        numbered = _STEP.fullmatch(body.strip(" .;"))
        inner: list[Statement] = [Goto(numbered["n"], body)] if numbered else self._body(body, role, depth)
        if last.question is None:
            last.other = inner
        else:
            last.branches.append((label, inner))
        return True

    def _states(self, text: str, out: list[Statement], role: str, depth: int) -> None:
        words = self.words
        if words.starts_if.match(text):
            rest = text[words.starts_if.match(text).end() :]  # type: ignore[union-attr]
            choice = Choice([], role=role)
            self._condition(rest, choice, role, depth)
            out.append(choice)
            return
        loop = self._loop(text, role, depth)
        if loop:
            out.extend(loop)
            return
        together = words.parallel.match(text)
        if together and together["body"]:
            branches = self.branches(together["body"], role, depth)
            last = out[-1] if out else None
            if len(branches) > 1:
                out.append(Parallel(branches, role))
                return
            if last is not None and not isinstance(last, Goto | Stop):
                out[-1] = Parallel([[last], *branches], number=last.number)
                return
        beside = words.beside.match(text)
        if beside:
            out.append(Parallel([self._body(beside["a"], role, depth), self._body(beside["b"], role, depth)], role))
            return
        trailing = words.trailing_if.fullmatch(text)
        if trailing:
            out.append(Choice([(trailing["cond"], self._body(trailing["body"], role, depth))], role=role))
            return
        head, colon, rest = text.partition(": ")
        if colon and "?" not in head and words.starts_if.match(rest):
            self.read(head, out, role, depth + 1)
            self.read(rest, out, role, depth + 1)
            return
        question = re.match(r"([^?]+\?)\s+(\S.*)", text)
        if question:
            out.append(Action(question[1], role))
            self.read(question[2], out, role, depth + 1)
            return
        out.extend(self.clauses(text, role, depth))

    def _loop(self, text: str, role: str, depth: int) -> list[Statement] | None:
        words = self.words
        match = words.while_.match(text)
        if match:
            negative = words.while_not.match(match["cond"])
            condition = match["cond"][negative.end() :] if negative else match["cond"]
            return [Loop(condition, self._body(match["body"], role, depth), until=bool(negative), role=role)]
        match = words.each.match(text)
        if match:
            return [Loop(match["cond"], self._body(match["body"], role, depth), each=True, role=role)]
        match = words.repeat_head.match(text)
        if match:
            body = self._body(match["body"], role, depth)
            return [Loop(match["cond"], body, first=False, until=bool(match["until"]), role=role)]
        match = words.repeat.match(text) or words.trailing_until.match(text)
        if match:
            until = "while" not in match.re.groupindex or not match["while"]
            steps = words.repeat_steps.match(match["body"])
            if steps:
                back: list[Statement] = [Goto(steps["n"], text)]
                held, missed = ([], back) if until else (back, [])
                return [Choice([(match["cond"], held)], missed, role=role)]
            said = match["body"]
            if match.re is words.repeat and said and not words.verb.match(said):
                said = text[: match.end("body")].rstrip(" ,")  # «повторять проверку …»: the verb is the action
                body = [Action(capital(said), role)]
            else:
                body = self._body(said, role, depth) if said else []
            upto = "upto" in match.re.groupindex and bool(match["upto"])
            condition = f"{match['upto']} {match['cond']}" if upto else match["cond"]
            return [Loop(condition, body, first=False, until=until, upto=upto, role=role)]
        return None

    def _condition(self, text: str, choice: Choice, role: str, depth: int) -> None:
        """Add the branch that `text` (behind its «если») tells, and the else part if there is one."""
        then = next((token for token in self.words.tokens.finditer(text) if token["then"] or token["if"]), None)
        if then and then["then"]:
            condition, rest = text[: then.start()], text[then.end() :]
        else:
            comma = _COMMA.search(text)
            condition, rest = (text[: comma.start()], text[comma.end() :]) if comma else (text, "")
        condition = bare_condition(condition)
        rest = rest.lstrip(" ,:—–-")
        place = self._own_else(rest)
        body, other = (rest[: place.start()], rest[place.end() :]) if place else (rest, "")
        choice.branches.append((condition, self._body(body, role, depth)))
        if place and place["elif"] and depth < _DEEPEST:
            self._condition(other.lstrip(" ,:—–-"), choice, role, depth + 1)
        elif place:
            choice.other = self._body(other, role, depth)

    def _own_else(self, text: str) -> re.Match[str] | None:
        """The else of the condition whose body `text` begins with: each inner «если» takes the next one."""
        open_ifs = 0
        for token in self.words.tokens.finditer(text):
            if token["if"]:
                open_ifs += 1
            elif token["else"]:
                if not open_ifs:
                    return token
                open_ifs -= 1
            elif token["elif"] and not open_ifs:
                return token
        return None

    def _body(self, text: str, role: str, depth: int) -> list[Statement]:
        out: list[Statement] = []
        text = text.strip(" ,.;:—–").lstrip("- ")
        for piece in re.split(r";\s+", text) if text else ():
            self.read(piece, out, role, depth + 1)
        return out

    def _clause(self, text: str, out: list[Statement], role: str, depth: int) -> None:
        if not text:
            return
        stop = self.words.stop.match(text)
        if stop:
            out.append(Stop(_unquoted(stop["label"] or ""), role))
            return
        start = self.words.start.match(text)
        if start:
            out.append(Action(_unquoted(start["label"] or start["named"] or ""), role, opens=True))
            return
        goto = self.words.goto.match(text)
        if goto:
            out.append(Goto(goto["n"] or goto["m"], text))
            return
        by_label = self.words.goto_label.match(text)
        if by_label:
            out.append(Goto(by_label["label"], text))
            return
        for joint in _AND.finditer(text):
            if joint.start() and self.words.stop.match(text[joint.end() :]):
                self._clause(text[: joint.start()], out, role, depth)
                self._clause(text[joint.end() :], out, role, depth)
                return
        for jump in self.words.jump_after.finditer(text):
            rest = text[jump.end() :]
            if jump.start() and (self.words.goto.match(rest) or self.words.goto_label.match(rest)):
                self._clause(text[: jump.start()], out, role, depth)
                self._clause(rest, out, role, depth)
                return
        if depth <= _DEEPEST and self.words.starts_if.match(text):
            self.read(text, out, role, depth + 1)
            return
        if any(token["else"] for token in self.words.tokens.finditer(text)):
            self.warnings.note("other_case", text)
        step = self.words.step_word.match(text)
        number = step["n"] if step and step.end() < len(text) else ""
        if step and number:
            text = text[step.end() :]
        out.append(Action(_unquoted(capital(text)), role, number))

    def _without(self, text: str, opening: re.Pattern[str]) -> str:
        match = opening.match(text)
        rest = text[match.end() :] if match else text
        return capital(rest) if match and rest else text


def bare_condition(text: str) -> str:
    """The condition without brackets around all of it."""
    text = text.strip(" ,:—–-")
    return text[1:-1].strip() if re.fullmatch(r"\([^()]+\)", text) else text


def _unquoted(text: str) -> str:
    """The text without quotes that enclose all of it."""
    for opening, closing in ("«»", "“”", '""'):
        inner = text[1:-1]
        if len(text) > 2 and text[0] == opening and text[-1] == closing and not {opening, closing} & set(inner):
            return inner
    return text
