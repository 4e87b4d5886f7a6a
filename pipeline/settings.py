"""All that a user may configure, read once from the environment (prefix `DIASCRIBE_`) and handed on.

`DIASCRIBE_LANG=ru` sets `lang`, and so on; options of a command win. Knows nothing of who uses what.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from vision.load import Limits


class Settings(BaseSettings):
    """Settings of one run.

    engine: what reads pictures ("auto": the best that is installed). lang: of text and description.
    max_bytes, max_pixels, max_pages: what is accepted as one upload. pdf_dpi: resolution of rendered PDF pages.
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
    timeout: float = Field(default=300.0, gt=0)
    threads: int = Field(default=0, ge=0)
    debug: bool = False

    @property
    def limits(self) -> Limits:
        """The limits of one upload."""
        return Limits(bytes=self.max_bytes, pixels=self.max_pixels, pages=self.max_pages, dpi=self.pdf_dpi)
