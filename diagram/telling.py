"""The sentences of which the text and the table about a diagram are made: one node, one flow, one lane at a time.

`Telling` holds one diagram with its steps arranged and says single things about it in its language; how they are laid
out is left to `diagram.narrate`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from diagram.flow import Arrangement, arrange
from diagram.kinds import is_flow
from diagram.model import Diagram, Edge, Lane, Node, Step
from diagram.phrases import ENDS, PLAIN_TYPE, Phrases
from diagram.roles import DEEPEST_INDENT, Roles
from diagram.wording import PHRASES

__all__ = ["Links", "Telling"]


@dataclass(frozen=True)
class Links:
    """All flows but those between steps. `inline`: sentences told with a data node or note, by its id."""

    messages: list[Edge] = field(default_factory=list)
    associations: list[Edge] = field(default_factory=list)
    others: list[Edge] = field(default_factory=list)
    inline: Mapping[str, list[str]] = field(default_factory=lambda: defaultdict(list))


class Telling:
    """One diagram, arranged and ready to be told."""

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self.say: Phrases = PHRASES[diagram.language]
        self.flow: Arrangement = arrange(
            diagram,
            letters=self.say.letters,
            data_prefix=self.say.data_prefix,
            note_prefix=self.say.note_prefix,
        )
        self.roles = Roles(diagram.lanes, self.say)
        self.key = {node.id: self._key(node) for node in diagram.nodes}
        self._types = {node.id: node.type for node in diagram.nodes}

    def steps(self) -> list[Step]:
        """Steps in flow order, then data and notes."""
        return [
            Step(
                number=self.flow.number[node.id],
                text=". ".join([self.head(node), *self.belongs(node)]),
                node=node.id,
                role=self.roles.path(node.lane),
                next=tuple(self.flow.number[edge.target] for edge in self.flow.outgoing.get(node.id, ())),
                branches=tuple(edge.text for edge in self.flow.outgoing.get(node.id, ())),
            )
            for node in (*self.flow.steps, *self.flow.items)
        ]

    def participant(self, lane: Lane) -> str:
        """One line of the list of participants."""
        depth = self.roles.depth[lane.id]
        if depth <= DEEPEST_INDENT or lane.parent is None:
            return f"{'  ' * depth}- {self.roles.names[lane.id]}"
        mark = self.say.lane_within.format(n=self.roles.index[lane.id], m=self.roles.index[lane.parent])
        return f"- {self.say.shown(lane.name) if lane.name else self.say.unnamed_lane} {mark}"

    # Words for one node

    def _key(self, node: Node) -> str:
        """The key of the word for the node; "" when its label alone tells it."""
        outs, ins = len(self.flow.outgoing.get(node.id, ())), len(self.flow.incoming.get(node.id, ()))
        bpmn = self.diagram.kind == "bpmn"
        joins, splits = ins > 1, outs > 1
        if node.type in ("task", "process"):
            plain = node.type == PLAIN_TYPE[self.diagram.kind] and node.trigger is None
            return ("" if node.text else "unnamed") if plain else {"task": "task", "process": "action"}[node.type]
        if node.type == ("gateway_exclusive" if bpmn else "decision"):
            return "merge" if joins and not splits and not node.text else "decision"
        if node.type in ("gateway_parallel", "gateway_inclusive"):
            joins = len(self._forward(node)) > 1  # what a loop brings back is not waited for
        if node.type == "gateway_parallel":
            return {(True, True): "parallel_both", (True, False): "parallel_join", (False, True): "parallel_split"}.get(
                (joins, splits), "parallel"
            )
        if node.type == "gateway_inclusive":
            return "inclusive_join" if joins and not splits else "inclusive_split"
        if node.type == "terminator" and not bpmn:
            if not outs and ins:
                return "end"
            return "start" if not ins and outs else "terminator"
        if node.type == "intermediate_event":
            return "boundary" if node.attached_to else "event"
        return {
            "start_event": "start" if bpmn else "start_point",
            "end_event": "end" if bpmn else "end_point",
            "gateway_exclusive": "exclusive",
            "decision": "condition",
            "gateway_event": "event_gateway",
            "gateway_complex": "complex",
            "predefined_process": "predefined",
            "annotation": "note",
        }.get(node.type, node.type)

    def head(self, node: Node, *, inside_sentence: bool = False) -> str:
        """What the node is and its label, such as `Решение: «Сумма больше 100?»`."""
        key = self.key[node.id]
        if not key:
            return self.say.shown(node.text)
        word = self.say.words[key]
        if inside_sentence:
            word = word[0].lower() + word[1:]
        if node.trigger:
            word += f" ({self.say.triggers[node.trigger]})"
        speaks_for_itself = self.diagram.kind == "flowchart" and key in ("start", "end")
        if speaks_for_itself and not node.trigger and node.text == self.say.words[key]:
            return word
        if not node.text:
            return f"{word} {self.say.unlabelled}" if speaks_for_itself else word
        return f"{word}{' ' if inside_sentence else ': '}{self.say.quoted(node.text)}"

    def belongs(self, node: Node) -> list[str]:
        """Where the node belongs, as far as its number does not tell."""
        out = []
        if node.parent is not None and node.id in self.flow.inside:
            out.append(self.say.sentence("inside", [self.flow.number[node.parent]]))
        if node.attached_to is not None and node.id in self.flow.border:
            out.append(self.say.sentence("border", [self.flow.number[node.attached_to]]))
        return out

    # What comes after a step

    def onward(self, node: Node) -> tuple[list[str], list[str]]:
        """Sentences on what the step waits for and what follows it, and one line per branch."""
        key, edges = self.key[node.id], self.flow.outgoing.get(node.id, ())
        numbers = [self.flow.number[edge.target] for edge in edges]
        said = self._awaited(node, key)
        if not edges:
            if key not in ENDS:
                alone = node.attached_to is None and not self.flow.incoming.get(node.id)
                said.append(self.say.sentences["alone" if alone else "stop"])
        elif len(edges) == 1 and not edges[0].text:
            edge = edges[0]
            if edge.target == node.id:
                said.append(self.say.sentences["again"])
            elif self.flow.returns(edge):
                said.append(self.say.sentence("back", numbers))
            elif not self.flow.follows(edge) or key in ENDS:
                said.append(self.say.sentence("next", numbers))
        elif (
            len(edges) > 1
            and len(set(numbers)) == len(numbers)
            and not any(edge.text or self.flow.returns(edge) for edge in edges)
        ):
            if node.type == "gateway_parallel":
                said.append(self.say.sentence("together", numbers))
            elif node.type in ("gateway_exclusive", "gateway_event", "decision"):
                said.append(self.say.sentences["either_many"].format(list=self.say.listing(numbers, either=True)))
            else:
                said.append(self.say.sentence("next", numbers))
        else:
            return said, [self._branch(edge) for edge in edges]
        return said, []

    def _awaited(self, node: Node, key: str) -> list[str]:
        template = "merges" if key == "merge" else "waits"
        if key not in ("merge", "parallel_join", "parallel_both", "inclusive_join"):
            return []
        edges = self.flow.incoming.get(node.id, ()) if key == "merge" else self._forward(node)
        sources = {edge.source for edge in edges}
        return [self.say.sentence(template, self.flow.numbers(sources))]

    def _forward(self, node: Node) -> list[Edge]:
        return [edge for edge in self.flow.incoming.get(node.id, ()) if not self.flow.returns(edge)]

    def _branch(self, edge: Edge) -> str:
        if edge.source == edge.target:
            action = self.say.again
        else:
            action = (self.say.back if self.flow.returns(edge) else self.say.go).format(n=self.flow.number[edge.target])
        if not edge.text:
            return action
        return f"{self.say.shown_flow(edge.text)}: {action[0].lower()}{action[1:]}"

    # Flows that do not lead from step to step

    def links(self) -> Links:
        """These flows, sorted to where they are told."""
        links = Links()
        inline: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for edge in self.diagram.edges:
            of_item = [end in self._types and not is_flow(self._types[end]) for end in (edge.source, edge.target)]
            of_lane = edge.source not in self._types or edge.target not in self._types
            if edge.kind == "message":
                links.messages.append(edge)
            elif edge.kind == "sequence":
                if any(of_item):
                    links.others.append(edge)
            elif edge.text or of_lane or all(of_item) or not any(of_item):
                links.associations.append(edge)
            elif of_item[0]:
                key = "note_to" if self._types[edge.source] == "annotation" else "input"
                inline[edge.source][key].append(edge.target)
            else:
                key = "note_at" if self._types[edge.target] == "annotation" else "output"
                inline[edge.target][key].append(edge.source)
        for item, said in inline.items():
            for key in ("output", "input", "note_to", "note_at"):
                if key in said:
                    links.inline[item].append(self.say.sentence(key, self.flow.numbers(said[key])))
        return links

    def link(self, edge: Edge) -> str:
        """`«Запрос»: от шага 3 к шагу 7`."""
        said = self.say.from_to.format(source=self._end(edge.source, "from"), target=self._end(edge.target, "to"))
        return f"{self.say.shown_flow(edge.text)}: {said[0].lower()}{said[1:]}" if edge.text else said

    def _end(self, end: str, way: str) -> str:
        if end not in self._types:
            template = self.say.lane_from if way == "from" else self.say.lane_to
            return template.format(n=self.roles.reference(end))
        if not is_flow(self._types[end]):
            return self.flow.number[end]
        return (self.say.step_from if way == "from" else self.say.step_to).format(n=self.flow.number[end])
