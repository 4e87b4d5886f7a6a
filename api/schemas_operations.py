"""What is told of the server, its machine and its models, as pydantic models; the OpenAPI is made of these."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class HealthOut(BaseModel):
    """The process is alive."""

    status: str
    model_loaded: bool
    timestamp: float


class Readers(BaseModel):
    """Reading processes: how many there are to be, how many are ready."""

    workers: int
    ready: int


class IndexOut(BaseModel):
    """The index of training diagrams; built: null where that is not known without asking a server."""

    kind: str
    built: bool | None
    examples: int | None = None


class ReadyOut(BaseModel):
    """Whether requests can be served now. uptime: seconds."""

    ready: bool
    readers: Readers
    index: IndexOut
    disk_free_gb: float
    uptime: float


class FindingOut(BaseModel):
    """One thing that is installed here, or is not. mend: the command that mends it, "" where there is none."""

    state: Literal["ok", "missing", "note"]
    text: str
    mend: str


class DoctorOut(BaseModel):
    """What `diascribe doctor` finds on this machine."""

    findings: list[FindingOut]


class Card(BaseModel):
    """A graphics card; memory in GiB, of all programs that use it."""

    name: str
    memory_used_gb: float
    memory_total_gb: float


class LoadOut(BaseModel):
    """How busy the machine and the readers are."""

    cpu_percent: float
    memory_percent: float
    memory_used_gb: float
    memory_total_gb: float
    workers: int
    ready: int
    busy: int
    waiting: int
    seconds_per_request: float
    gpus: list[Card]


class AutoOut(BaseModel):
    """What "auto" means here, and why."""

    engine: str
    why: str


class ModelRow(BaseModel):
    """A model of the registry and how it stands. done, total: bytes of a download; loaded: share in memory, 0 to 1."""

    model_config = ConfigDict(extra="allow")

    id: str
    name: str
    repository: str
    kind: str
    run: str
    licence: str
    commercial: bool | None
    parameters: float | None
    good_for: list[str]
    state: Literal["server", "absent", "downloading", "here", "loading", "ready", "failed"]
    done: int
    total: int
    loaded: float
    why: str


class ModelsOut(BaseModel):
    """What can read pictures, and the models. server: the address of the one that is set."""

    engines: list[str]
    default: str
    auto: AutoOut
    model: str
    server: str | None
    models: list[ModelRow]


class ModelFreed(BaseModel):
    """A model whose memory is being freed. freed_bytes: of the disk."""

    success: bool
    model: str
    freed_bytes: int
    state: str
