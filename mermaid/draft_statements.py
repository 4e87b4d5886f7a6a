"""The statements that free text is made of, and the graph that they make.

Statements follow each other; `build` walks them once and keeps the loose ends, each a node with the label that its next
flow will bear. Only what is said becomes a node, with two exceptions: the bars around parallel work, and one end where
a branch would lead nowhere. Knows nothing of sentences.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from diagram.kinds import DiagramKind, Language, NodeType
from diagram.model import Diagram, Edge, Lane, Node
from mermaid.draft_remarks import Remarks

__all__ = ["Action", "Choice", "Goto", "Loop", "Parallel", "Statement", "Stop", "build"]


@dataclass
class Action:
    """One step. `inner`: its sub-steps, which make it a sub-process."""

    text: str
    role: str = ""
    number: str = ""
    opens: bool = False  # a start, not a task
    inner: list[Statement] = field(default_factory=list)


@dataclass
class Choice:
    """A decision. With a `question`, the first of each branch is its label, else its condition."""

    branches: list[tuple[str, list[Statement]]]
    other: list[Statement] | None = None
    question: str | None = None
    role: str = ""
    number: str = ""


@dataclass
class Loop:
    """Work that repeats while the condition holds (`until`: while it does not).

    `first`: the condition is tested before the work; `each`: it names what the work is done for; `upto`: what the work
    is done up to.
    """

    condition: str
    body: list[Statement]
    first: bool = True
    until: bool = False
    each: bool = False
    upto: bool = False
    role: str = ""
    number: str = ""


@dataclass
class Parallel:
    """Work that goes on at the same time."""

    branches: list[list[Statement]]
    role: str = ""
    number: str = ""


@dataclass
class Goto:
    """Go on at the step with this number or label; `quoted` is what the text says."""

    target: str
    quoted: str
    role: str = ""
    number: str = ""


@dataclass
class Stop:
    """The end, with a name of its own or none."""

    text: str = ""
    role: str = ""
    number: str = ""


Statement = Action | Choice | Loop | Parallel | Goto | Stop
_Loose = list[tuple[str, str]]
_Kind = Literal["action", "start", "end", "decision", "parallel", "subprocess"]

_TYPES: Final[dict[DiagramKind, dict[_Kind, NodeType]]] = {
    "bpmn": {
        "action": "task",
        "start": "start_event",
        "end": "end_event",
        "decision": "gateway_exclusive",
        "parallel": "gateway_parallel",
        "subprocess": "subprocess",
    },
    "flowchart": {
        "action": "process",
        "start": "terminator",
        "end": "terminator",
        "decision": "decision",
        "parallel": "gateway_parallel",
        "subprocess": "subprocess",
    },
}
_MOST_JUMPS: Final = 10  # steps in a row that only lead on
_ASSIGNS: Final = re.compile(r"\w{1,40}(?:\[[^\]]{0,40}\])?\s?(?:[:+*/-]?=|[<>≤≥≠])")
_COMPARES: Final = frozenset({  # and other words that end no question
    "the", "are", "was", "has", "for", "and", "not", "при", "для", "над", "под", "без", "или", "уже", "ещё", "все",
    "below", "above", "over", "under", "less", "more", "greater", "fewer", "higher", "lower", "than", "least", "most",
    "between", "from", "exceeds", "equals", "меньше", "больше", "ниже", "выше", "более", "менее", "свыше", "между",
    "превышает", "равна", "равен", "равно", "составляет",
})  # fmt: skip
_VERB: Final[dict[Language, re.Pattern[str]]] = {
    "ru": re.compile(r"[а-яё]+(?:ет|ёт|ит|ют|ут|ят|ат)(?:ся)?"),
    "en": re.compile(r"[a-z]+s"),
}
_ROUNDS: Final[dict[Language, dict[str, tuple[str, str]]]] = {
    "ru": {"each": ("Есть ещё", "Больше нет"), "upto": ("Ещё раз", "Готово")},
    "en": {"each": ("More", "No more"), "upto": ("Again", "Done")},
}
_WORDS: Final[dict[Language, tuple[str, str, str, str, str]]] = {
    "ru": ("Да", "Нет", "Иначе", "Начало", "Конец"),
    "en": ("Yes", "No", "Otherwise", "Start", "End"),
}


def build(statements: Sequence[Statement], language: Language, warnings: Remarks) -> Diagram:
    """The graph of the statements: BPMN when somebody is named for a step, else a flowchart.

    What cannot be resolved is appended to `warnings`.
    """
    return _Builder(language, warnings).build(statements)


class _Builder:
    def __init__(self, language: Language, warnings: Remarks) -> None:
        self.language = language
        self.warnings = warnings
        self.yes, self.no, self.otherwise, self.start, self.end = _WORDS[language]
        self.nodes: list[tuple[_Kind, Node]] = []
        self.edges: list[tuple[str, Callable[[], str | None], str]] = []
        self.lanes: dict[str, Lane] = {}
        self.numbers: dict[str, str] = {}
        self.jumps: dict[str, str] = {}  # numbers of steps that do nothing but lead on
        self.labels: dict[str, str] = {}
        self.ends: dict[str | None, str] = {}
        self.role = ""
        self.roles: dict[str, str] = {}
        self.parent: str | None = None

    def build(self, statements: Sequence[Statement]) -> Diagram:
        self.roles = {role.casefold(): role for role in _roles(statements)}
        loose = self.block(statements, [])
        if any(label for _, label in loose) or (loose and None in self.ends):
            self.finish(loose)
        kind: DiagramKind = "bpmn" if self.lanes else "flowchart"
        nodes = tuple(replace(node, type=_TYPES[kind][what]) for what, node in self.nodes)
        if kind == "bpmn":
            generic = {self.start, self.end}
            nodes = tuple(
                replace(n, text="") if n.type in ("start_event", "end_event") and n.text in generic else n
                for n in nodes
            )
        edges: list[Edge] = []
        seen: set[tuple[str, str, str]] = set()
        for source, resolve, label in self.edges:
            target = resolve()
            if target is not None and (source, target, label) not in seen:
                seen.add((source, target, label))
                edges.append(Edge(f"e{len(edges) + 1}", source, target, label))
        return Diagram(kind, nodes, tuple(edges), tuple(self.lanes.values()), self.language)

    def block(self, statements: Sequence[Statement], loose: _Loose) -> _Loose:
        for statement in statements:
            before = len(self.nodes)
            self.role = statement.role or self.role
            match statement:
                case Action():
                    loose = self.action(statement, loose)
                case Choice():
                    loose = self.choice(statement, loose)
                case Loop():
                    loose = self.loop(statement, loose)
                case Parallel():
                    loose = self.parallel(statement, loose)
                case Stop():
                    loose = self.finish(loose, statement.text)
                case Goto():
                    loose = self.goto(statement, loose)
            if statement.number and len(self.nodes) > before:
                self.numbers.setdefault(statement.number, self.nodes[before][1].id)
            elif statement.number and isinstance(statement, Stop):
                self.numbers.setdefault(statement.number, self.ends[self.parent])
            elif statement.number and isinstance(statement, Goto):
                self.jumps.setdefault(statement.number, statement.target)
        return loose

    def node(self, kind: _Kind, text: str, loose: _Loose) -> str:
        node_id = f"n{len(self.nodes) + 1}"
        if self.role and self.role not in self.lanes:
            self.lanes[self.role] = Lane(f"l{len(self.lanes) + 1}", self.role)
        lane = self.lanes[self.role].id if self.role else None
        self.nodes.append((kind, Node(node_id, "task", text, lane=lane, parent=self.parent)))
        self.labels.setdefault(text.casefold().rstrip("?"), node_id)
        self.join(loose, node_id)
        return node_id

    def join(self, loose: _Loose, target: str) -> None:
        for source, label in loose:
            self.edges.append((source, lambda: target, label))

    def action(self, action: Action, loose: _Loose) -> _Loose:
        self.subject(action)
        kind: _Kind = "subprocess" if action.inner else "start" if action.opens else "action"
        node = self.node(kind, action.text or self.start, loose)
        if action.inner:
            outer, self.parent = self.parent, node
            self.block(action.inner, [])
            self.parent = outer
        return [(node, "")]

    def subject(self, action: Action) -> None:
        """Take the role from «рекрутер: оформляет …», or from «рекрутер оформляет …» where no other is named, if
        recruiters are known to have a role."""
        words = action.text.split(" ", 5)
        for count in range(1, min(len(words), 5)):
            name = " ".join(words[:count]).casefold()
            role = self.roles.get(name.removesuffix(":"))
            does = not action.role and _VERB[self.language].fullmatch(words[count])
            if role and (name.endswith(":") or does):
                self.role = role
                action.text = capital(" ".join(words[count:]))
                return

    def choice(self, choice: Choice, loose: _Loose) -> _Loose:
        question, labels = self.question(choice)
        decision = self.node("decision", question, loose)
        out: _Loose = []
        for label, (_, body) in zip(labels, choice.branches, strict=True):
            out += self.block(body, [(decision, label)])
        if choice.other is not None:
            return out + self.block(choice.other, [(decision, self.opposite(labels))])
        pair = {label.casefold() for label in labels}
        if len(labels) == 1 or not (out or {self.yes.casefold(), self.no.casefold()} <= pair or len(labels) > 1):
            out.append((decision, self.opposite(labels)))
        return out

    def question(self, choice: Choice) -> tuple[str, list[str]]:
        conditions = [condition for condition, _ in choice.branches]
        if choice.question is not None:
            return choice.question, [capital(condition) for condition in conditions]
        if len(conditions) == 1:
            return capital(conditions[0].rstrip("?")) + "?", [self.yes]
        words = [condition.split() for condition in conditions]
        shared = 0
        while all(len(w) > shared + 1 and w[shared].casefold() == words[0][shared].casefold() for w in words):
            shared += 1
        while shared and (len(words[0][shared - 1]) <= 2 or words[0][shared - 1].casefold() in _COMPARES):
            shared -= 1  # «Сумма до?» asks nothing
        if not shared:
            return "", conditions
        skipped = shared + all(w[shared].casefold() in ("is", "are") for w in words)
        return capital(" ".join(words[0][:shared])) + "?", [" ".join(w[skipped:]) for w in words]

    def opposite(self, labels: Sequence[str]) -> str:
        if len(labels) == 1:
            for one, other in ((self.yes, self.no), (self.no, self.yes)):
                if labels[0].casefold() == one.casefold():
                    return other
        return self.otherwise

    def loop(self, loop: Loop, loose: _Loose) -> _Loose:
        question = capital(loop.condition) + ("" if loop.each or loop.upto else "?")
        again, leave = (self.no, self.yes) if loop.until else (self.yes, self.no)
        if loop.each or loop.upto:
            again, leave = _ROUNDS[self.language]["each" if loop.each else "upto"]
        if loop.first or not loop.body:
            decision = self.node("decision", question, loose)
            self.join(self.block(loop.body, [(decision, again)]), decision)
            return [(decision, leave)]
        before = len(self.nodes)
        after = self.block(loop.body, loose)
        decision = self.node("decision", question, after)
        if len(self.nodes) > before + 1:
            self.join([(decision, again)], self.nodes[before][1].id)
        return [(decision, leave)]

    def merged(self, loose: _Loose) -> _Loose:
        """One loose end for several: a bar of parallel work would wait for all flows that reach it."""
        return [(self.node("decision", "", loose), "")] if len(loose) > 1 else loose

    def parallel(self, parallel: Parallel, loose: _Loose) -> _Loose:
        fork = self.node("parallel", "", self.merged(loose))
        role = self.role
        branches = []
        for branch in parallel.branches:
            self.role = role
            branches.append(self.merged(self.block(branch, [(fork, "")])))
        self.role = role
        out = [end for ends in branches for end in ends]
        if sum(bool(ends) for ends in branches) > 1:
            return [(self.node("parallel", "", out), "")]
        return out

    def finish(self, loose: _Loose, text: str = "") -> _Loose:
        if text:
            self.ends.setdefault(self.parent, self.node("end", text, loose))
        elif self.parent in self.ends:
            self.join(loose, self.ends[self.parent])
        else:
            self.ends[self.parent] = self.node("end", self.end, loose)
        return []

    def goto(self, goto: Goto, loose: _Loose) -> _Loose:
        def resolve() -> str | None:
            name = goto.target
            for _ in range(_MOST_JUMPS):
                if name in self.numbers or name not in self.jumps:
                    break
                name = self.jumps[name]
            target = self.numbers.get(name) or self.labels.get(name.casefold().rstrip("?"))
            if target is None:
                self.warnings.note("no_target", goto.quoted)
            return target

        for source, label in loose:
            self.edges.append((source, resolve, label))
        if not loose:
            self.warnings.note("nothing_leads", goto.quoted)
        return []


def _roles(statements: Sequence[Statement]) -> list[str]:
    """Who is named anywhere."""
    out: list[str] = []
    waiting = list(statements)
    while waiting:
        statement = waiting.pop()
        out.append(statement.role)
        match statement:
            case Action():
                waiting += statement.inner
            case Choice():
                waiting += [inner for _, body in statement.branches for inner in body] + (statement.other or [])
            case Loop():
                waiting += statement.body
            case Parallel():
                waiting += [inner for branch in statement.branches for inner in branch]
    return [role for role in out if role]


def capital(text: str) -> str:
    """The text with a capital first letter; a variable, such as in `n > 1` or `max = a`, keeps its case."""
    return text if not text[1:2].isalpha() or _ASSIGNS.match(text) else text[:1].upper() + text[1:]
