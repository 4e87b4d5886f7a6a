"""A client of the application in this process, with real reading processes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import Service
from pipeline.settings import Settings

EXAMPLES = Path(__file__).resolve().parent.parent / "data" / "examples"
ORDER = (EXAMPLES / "order.png").read_bytes()


@contextlib.contextmanager
def client(settings: Settings | None = None, **service: Any) -> Iterator[TestClient]:
    """A client of a fresh application; readers may still be getting ready."""
    chosen = Service(**{"workers": 1, **service})
    with TestClient(create_app(settings or Settings(), chosen), base_url="http://127.0.0.1:8000") as made:
        yield made


def wait_until(holds: Any, seconds: float = 120) -> None:
    """Wait until something holds, for as long as a busy machine may take."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)
