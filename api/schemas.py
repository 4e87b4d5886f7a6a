"""What goes in and out where pictures are read and diagrams drawn, as pydantic models; the OpenAPI is made of these.

`Graph` is the data contract of `diagram`. Training diagrams: `schemas_examples`; the machine and models:
`schemas_operations`.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, field_validator

from diagram.kinds import DIAGRAM_KINDS, EDGE_KINDS, LANGUAGES, NODE_TYPES, TRIGGERS

Lang = Literal["auto", "en", "ru"]
Output = Literal["json", "text", "table", "markdown", "csv", "mermaid", "bpmn"]
OUTPUTS: tuple[str, ...] = get_args(Output)
Seconds = Annotated[dict[str, float], Field(description="Seconds per stage.", examples=[{"load": 0.01, "text": 0.2}])]
Box = Annotated[
    list[float] | None,
    Field(description="Left, top, right, bottom in pixels of the upload.", examples=[[10, 20, 110, 80]]),
]
Text = Annotated[str, StringConstraints(min_length=1)]


def _one_of(values: Any) -> Any:
    return WithJsonSchema({"type": "string", "enum": list(values)})


class Given(BaseModel):
    """A request's fields; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid")


class DescribeOptions(Given):
    """How a picture is described."""

    engine: str = Field(default="auto", max_length=40, description="What reads the picture.", examples=["auto"])
    language: Lang = Field(default="auto", description="Of the text in the picture and of the description.")
    format: Output | None = Field(default=None, description="What to answer; unset: what Accept says, else JSON.")
    formats: list[Output] = Field(
        default_factory=list, max_length=7, description="Also these, in `outputs` of JSON.", examples=[["mermaid"]]
    )
    k: int = Field(default=3, ge=0, le=10, description="How many similar training diagrams may be told of.")
    grounding: bool = Field(default=True, description="With the places (`bbox`, `points`) of what was read.")
    page: int = Field(default=1, ge=1, le=100_000, description="Page of a PDF or TIFF, from 1.")


class OcrOptions(Given):
    """How text is read."""

    language: Lang = "auto"
    page: int = Field(default=1, ge=1, le=100_000)


class SearchOptions(Given):
    """What is searched for: a picture, or words."""

    text: str = Field(default="", max_length=10_000, description="Words; leave out to search by picture.")
    k: int = Field(default=5, ge=1, le=100)


class Look(Given):
    """How a drawing looks."""

    format: Literal["svg", "png", "pdf", "mmd", "bpmn", "json"] | None = Field(
        default=None, description="Unset: what Accept says, else svg."
    )
    direction: Literal["TB", "LR"] | None = Field(default=None, description="Top to bottom, or left to right.")
    theme: str = Field(default="", max_length=40, pattern=r"^[\w-]*$", examples=["neutral"])
    renderer: Literal["auto", "native", "chromium"] = Field(
        default="auto", description="What draws; auto: the native one, and Chromium for what that draws worse."
    )
    scale: float = Field(default=2.0, ge=0.1, le=10, description="Pixels of a PNG per CSS pixel.")
    background: str = Field(default="white", max_length=40, pattern=r"^[\w#(),.% -]*$")
    details: bool = Field(default=False, description="Answer JSON with the drawing in it, the graph and warnings.")


class DrawRequest(Look):
    """Words, Mermaid, BPMN XML or the graph's JSON as text."""

    text: Text = Field(examples=["Receive order -> Check stock -> In stock?"])
    engine: str = Field(
        default="auto", max_length=100, description="What turns words into a graph: auto, rules, server or a model."
    )


class RenderRequest(Look):
    """Mermaid of any type."""

    format: Literal["svg", "png", "pdf"] | None = Field(default=None, description="Unset: what Accept says, else svg.")
    source: Text = Field(examples=["flowchart TB\n  a --> b"])


class ValidateRequest(Given):
    """Mermaid to judge."""

    source: Text = Field(examples=["flowchart TB\n  a --> b"])
    repair: bool = Field(default=True, description="Try to repair what does not parse, and say how.")


class ConvertRequest(Given):
    """A diagram to be written in another notation."""

    text: Text = Field(description="Mermaid, BPMN XML, JSON or words.", examples=["flowchart TB\n  a --> b"])
    to: Literal["mmd", "bpmn", "json", "dot"]


class NodeOut(BaseModel):
    """One element. trigger, attached_to and parent only where they are known."""

    id: str
    type: Annotated[str, _one_of(NODE_TYPES)]
    text: str
    bbox: Box
    lane: str | None
    confidence: float | None
    trigger: Annotated[str, _one_of(TRIGGERS)] | None = None
    attached_to: str | None = Field(default=None, description="The activity on whose border a boundary event sits.")
    parent: str | None = Field(default=None, description="The sub-process that encloses it.")


class EdgeOut(BaseModel):
    """One flow."""

    id: str
    source: str
    target: str
    text: str
    kind: Annotated[str, _one_of(EDGE_KINDS)]
    points: list[list[float]]
    confidence: float | None


class LaneOut(BaseModel):
    """A pool, or a lane in one."""

    id: str
    name: str
    parent: str | None
    bbox: Box


class Graph(BaseModel):
    """The typed graph."""

    kind: Annotated[str, _one_of(DIAGRAM_KINDS)]
    language: Annotated[str, _one_of(LANGUAGES)]
    nodes: list[NodeOut]
    edges: list[EdgeOut]
    lanes: list[LaneOut]


class StepOut(BaseModel):
    """One step of the description. next: numbers of what follows, branches: the answers that lead there."""

    number: str
    text: str
    node: str
    role: str
    next: list[str]
    branches: list[str]


class ExampleOut(BaseModel):
    """A training diagram like the picture."""

    id: str
    title: str
    score: float | None
    reason: str


class Pixels(BaseModel):
    """The page that was read."""

    width: int
    height: int
    page: int
    pages: int


class Recorded(BaseModel):
    """Where a description is in the history. earlier: it was found there, from the same content and settings."""

    id: str = Field(examples=["0f8c6a3e9d1b4c7f8a2e5d6c7b8a9f01"])
    earlier: bool
    created: str = Field(description="RFC 3339, UTC.", examples=["2026-11-21T13:02:11.120Z"])


class Described(Graph):
    """The graph of a picture and what is told of it."""

    title: str
    text: str
    steps: list[StepOut]
    engine: str
    examples: list[ExampleOut]
    warnings: list[str]
    timings: Seconds
    outputs: dict[str, str] = Field(description="The forms that `formats` asked for.")
    image: Pixels
    history: Recorded | None = Field(default=None, description="null: nothing was recorded.")


class LineOut(BaseModel):
    """One line of text. turn: degrees, counter-clockwise, that were undone to read it."""

    text: str
    bbox: Box
    confidence: float
    turn: Literal[0, 90, 270]


class OcrOut(BaseModel):
    """The text of a picture, top to bottom."""

    text: str
    language: Annotated[str, _one_of(LANGUAGES)]
    lines: list[LineOut]
    warnings: list[str]
    timings: Seconds
    image: Pixels


class Training(BaseModel):
    """What every training diagram has."""

    id: str
    title: str
    language: str
    kind: str
    process: str
    source: str
    licence: str


class Hit(Training):
    """A training diagram that was found; score: 1 is the same."""

    description: str
    score: float


class SearchOut(BaseModel):
    """What was found, nearest first."""

    results: list[Hit]


class DrawOut(BaseModel):
    """A drawing with what is known of it. content: text, or base64 where `encoding` says so."""

    format: str
    media_type: str
    encoding: Literal["text", "base64"]
    content: str
    mermaid: str
    diagram: Graph | None
    renderer: str
    warnings: list[str]
    repairs: list[str]
    timings: Seconds


class ConvertOut(BaseModel):
    """The diagram in the other notation."""

    to: str
    content: str
    warnings: list[str]


class VerdictOut(BaseModel):
    """Mermaid's verdict; line and column count from 1, 0 where there is no single place."""

    valid: bool
    type: str
    line: int
    column: int
    message: str
    expected: list[str]
    text: str
    hint: str
    repairs: list[str]
    warnings: list[str]
    source: str


class Turn(BaseModel):
    """A question that was asked before, and its answer."""

    question: str
    answer: str


class AskOptions(Given):
    """A question to a model. history: the oldest first; in a form, as JSON text."""

    prompt: str = Field(min_length=1, max_length=100_000, examples=["Who checks the order?"])
    history: list[Turn] = Field(default_factory=list, max_length=100)
    engine: str = Field(default="auto", max_length=100, description="What answers: auto, server or a model.")
    grounding: bool = Field(default=False, description="Also tell the model the text recognised in the picture.")
    max_tokens: int | None = Field(default=None, ge=1, le=100_000)
    page: int = Field(default=1, ge=1, le=100_000)

    @field_validator("history", mode="before")
    @classmethod
    def _parsed(cls, value: Any) -> Any:
        if isinstance(value, str):
            try:
                return json.loads(value or "[]")
            except (ValueError, RecursionError):
                raise ValueError("this is not JSON") from None
        return value


class Answer(BaseModel):
    """What a model answered. finish: "length" where it was cut off. notes: what had to be given up on the way."""

    answer: str
    engine: str
    finish: Literal["stop", "length", "cancelled"]
    prompt_tokens: int | None
    tokens: int | None
    notes: list[str]
    timings: Seconds
