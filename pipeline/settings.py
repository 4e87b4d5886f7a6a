"""All that a user may configure, read once from the environment (prefix `DIASCRIBE_`) and handed on.

`DIASCRIBE_LANG=ru` sets `lang`, and so on; options of a command win. Knows nothing of who uses what.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from vision.load import Limits

ROOT: Final = Path(__file__).resolve().parent.parent
# What is the user's own lies in the checkout, or in their data folder where the program was installed without one.
OWN: Final = ROOT if (ROOT / "pyproject.toml").is_file() else Path("~/.local/share/diascribe").expanduser()


class Settings(BaseSettings):
    """Settings of one run.

    engine: what reads pictures ("auto": the best that is installed). lang: of text and description.
    max_bytes, max_pixels, max_pages: what is accepted as one upload. pdf_dpi: resolution of rendered PDF pages.
    embedder: of the index of examples ("auto": CLIP where its weights are here, else the built-in one). clip_model:
    its name or folder. device: of models, "auto", "cpu" or "cuda". index: "faiss", or "pgvector", whose server
    database_url names. index_dir, data_dir and examples_dir: the index, the examples that come along, and the user's
    own. examples: how many may be shown with a picture (0: none are looked for); examples_policy: how they are chosen;
    min_similarity: from which on (unset: the embedder's); example_pictures: a model sees their pictures, too.
    model: a name in the registry of models, which models_file adds to. precision: of its weights; lora: a folder with
    an adapter. max_vram and max_ram: GiB that models may take (unset: what is free but for a reserve). model_idle:
    seconds after which an unused model is unloaded; resident: how many may be loaded at once. model_host: the socket
    of the process that holds the models (set by a service for its own processes). together: requests that a model
    answers in one round. compiler: of torch.compile ("inductor"), for faster decoding; "" for none. server_url,
    server_model, server_key: an OpenAI-compatible server to use instead; allow_remote: it may be another machine.
    server_timeout: seconds without a sign of life from it. max_tokens: of a reply. unsupported: what becomes of steps
    that a model names and the picture does not show.
    state_dir: where the service keeps results, batches and uploads; with database_url, which then holds the rows, only
    uploads. history_days: days that a result is kept after it was last asked for (0: for good; -1: describing leaves
    nothing behind, batches are kept for a day). reuse: the same picture and settings are answered from the history.
    timeout: seconds after which a batch gives up on one picture. threads: of one reader (0: one per core).
    debug: let internal errors end the run with a traceback.
    """

    model_config = SettingsConfigDict(env_prefix="DIASCRIBE_", frozen=True, extra="ignore")

    engine: str = "auto"
    lang: Literal["auto", "en", "ru"] = "auto"
    max_bytes: int = Field(default=Limits().bytes, gt=0)
    max_pixels: int = Field(default=Limits().pixels, gt=0)
    max_pages: int = Field(default=Limits().pages, gt=0)
    pdf_dpi: int = Field(default=Limits().dpi, ge=36, le=600)
    embedder: str = "auto"
    clip_model: str = "clip-ViT-B-32"
    device: str = "auto"
    index: str = "faiss"
    database_url: SecretStr = SecretStr("")
    index_dir: Path = OWN / "index"
    data_dir: Path = ROOT / "data" / "train"
    examples_dir: Path = OWN / "data" / "own"
    examples: int = Field(default=3, ge=0, le=10)
    examples_policy: Literal["adaptive", "fixed", "random"] = "adaptive"
    min_similarity: float | None = Field(default=None, ge=-1, le=1)
    example_pictures: bool = False
    model: str = "qwen2.5-vl-3b"
    models_file: Path | None = None
    precision: Literal["auto", "nf4", "bf16"] = "auto"
    lora: Path | None = None
    max_vram: float | None = Field(default=None, ge=0)
    max_ram: float | None = Field(default=None, gt=0)
    model_idle: float = Field(default=600.0, gt=0)
    resident: int = Field(default=1, ge=1)
    model_host: str = ""
    together: int = Field(default=4, ge=1)
    compiler: str = ""
    server_url: str = ""
    server_model: str = ""
    server_key: SecretStr = SecretStr("")
    server_timeout: float = Field(default=120.0, gt=0)
    allow_remote: bool = False
    max_tokens: int = Field(default=4096, ge=16)
    unsupported: Literal["flag", "drop"] = "flag"
    state_dir: Path = OWN / "state"
    history_days: int = Field(default=90, ge=-1)
    reuse: bool = True
    timeout: float = Field(default=300.0, gt=0)
    threads: int = Field(default=0, ge=0)
    debug: bool = False

    @property
    def limits(self) -> Limits:
        """The limits of one upload."""
        return Limits(bytes=self.max_bytes, pixels=self.max_pixels, pages=self.max_pages, dpi=self.pdf_dpi)
