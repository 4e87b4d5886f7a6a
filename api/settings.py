"""What an operator may set for the service, read once from the environment (prefix `DIASCRIBE_API_`).

Limits here are of one request and at most those of `pipeline.settings`, which hold for the reader itself.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pipeline.settings import Settings


class Service(BaseSettings):
    """Settings of one server.

    host, port: where it listens. workers: reading processes (0: one per core). waiting: requests that may wait for one;
    more are answered 429. requests: at once, of any kind. rate: requests a minute of one key (of one address where
    there are no keys); 0: as many as they like. max_bytes, max_pixels, max_pages: of a picture. max_text:
    characters of a text to draw. upload_seconds: a request's body must be here by then. timeout: seconds of one
    reading. batch_items, batch_bytes: pictures of one batch and their bytes, unpacked; batch_seconds: its body must be
    here by then. webhook_secret: signs the messages that tell of finished batches (unset: none are sent);
    webhook_private: they may go to this machine and private networks. drain:
    seconds that requests and items at work may still take when the server is asked to stop. keys: SHA-256
    (hex) of the accepted API keys, separated by commas; none: no key is asked for. keyless: listen beyond this machine
    without keys. hosts: names this server is called by, besides its address. log_file: rotated; "" logs to stderr only.
    """

    model_config = SettingsConfigDict(env_prefix="DIASCRIBE_API_", frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    workers: int = Field(default=0, ge=0, le=256)
    waiting: int = Field(default=16, ge=0)
    requests: int = Field(default=200, gt=0)
    rate: int = Field(default=0, ge=0)
    max_bytes: int = Field(default=20 * 2**20, gt=0)
    max_pixels: int = Field(default=60_000_000, gt=0)
    max_pages: int = Field(default=500, gt=0)
    max_text: int = Field(default=200_000, gt=0)
    upload_seconds: float = Field(default=60.0, gt=0)
    timeout: float = Field(default=120.0, gt=0)
    batch_items: int = Field(default=1000, gt=0, le=10_000)
    batch_bytes: int = Field(default=1024 * 2**20, gt=0)
    batch_seconds: float = Field(default=600.0, gt=0)
    webhook_secret: SecretStr = SecretStr("")
    webhook_private: bool = False
    drain: int = Field(default=30, ge=0)
    keys: Annotated[tuple[str, ...], NoDecode] = ()
    keyless: bool = False
    hosts: Annotated[tuple[str, ...], NoDecode] = ()
    log_file: Path | None = None

    @field_validator("keys", "hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """A list that is separated by commas, as the environment has it."""
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("keys")
    @classmethod
    def _hashes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for key in value:
            if len(key) != 64 or set(key.lower()) - set("0123456789abcdef"):
                raise ValueError("a key is given by its SHA-256, 64 hexadecimal digits: diascribe serve --new-key")
        return tuple(key.lower() for key in value)

    def crew(self) -> int:
        """Reading processes to start."""
        return self.workers or len(os.sched_getaffinity(0))

    def reader(self, settings: Settings) -> Settings:
        """The settings of the reading processes: the smaller limits, and cores shared among them."""
        return settings.model_copy(
            update={
                "max_bytes": min(settings.max_bytes, self.max_bytes),
                "max_pixels": min(settings.max_pixels, self.max_pixels),
                "max_pages": min(settings.max_pages, self.max_pages),
                "threads": settings.threads or max(1, (os.cpu_count() or 1) // self.crew()),
            }
        )
