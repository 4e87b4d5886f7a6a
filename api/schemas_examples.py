"""Training diagrams and the index of them as they go in and out, as pydantic models; the OpenAPI is made of these."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from api.schemas import Given, Graph, Training


class ExampleGiven(Given):
    """A training diagram to take in. graph: as `/v1/describe` answers it, corrected; more fields do no harm."""

    graph: str | dict[str, Any] = Field(
        description="The graph: an object in JSON, its text in a form.",
        examples=[{"kind": "flowchart", "language": "en", "nodes": [], "edges": [], "lanes": []}],
    )
    id: str = Field(default="", max_length=80, pattern=r"^[\w.-]*$", description="Unset: made from the picture.")
    title: str = Field(default="", max_length=1000)
    process: str = Field(default="", max_length=200, description="Pictures of one process have one name.")
    source: str = Field(default="", max_length=1000)
    licence: str = Field(default="", max_length=200)
    replace: bool = Field(default=False, description="Take the place of the own example of this id.")


class ExampleRow(Training):
    """A training diagram. split: only those of "train" are ever found. own: added here, and can be removed."""

    split: str
    own: bool


class ExampleWhole(ExampleRow):
    """A training diagram with all that is known of it."""

    description: str
    graph: Graph | None


class ExampleAdded(ExampleWhole):
    """near: the id of the example that it nearly equals, if any; then it may be kept for measuring, as that one is."""

    near: str | None


class ExamplesOut(BaseModel):
    """Training diagrams; total: without limit and offset."""

    total: int
    examples: list[ExampleRow]


class IndexChange(BaseModel):
    """What was done to the index: examples in it now, newly embedded, kept, removed."""

    examples: int
    embedded: int
    kept: int
    removed: int


class BuildOut(BaseModel):
    """The last build. done, of: examples; started: seconds since 1970."""

    state: Literal["none", "running", "done", "failed"]
    done: int
    of: int
    error: str
    started: float
    seconds: float


class IndexState(BaseModel):
    """The index of training diagrams; built: null where that is not known. findable: examples that it should hold."""

    kind: str
    built: bool | None
    examples: int | None
    embedder: str | None
    built_at: str | None
    findable: int
    build: BuildOut
