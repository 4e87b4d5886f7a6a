"""How busy the service was over the last minutes: samples of `/load`, taken while somebody looks."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any, Final

from ui.client import Client, Trouble

EVERY: Final = 2.0
"""Seconds between samples."""
KEPT: Final = 150
_IDLE: Final = 120.0


class Meter:
    """The samples of one service, oldest first; sampling rests when nobody has looked for two minutes."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._samples: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._lock = threading.Lock()
        self._looked = 0.0
        self._thread: threading.Thread | None = None
        self.trouble: Trouble | None = None

    def look(self) -> list[dict[str, Any]]:
        """The samples so far. Where sampling rests, it begins again; the first look takes one itself."""
        self._looked = time.monotonic()
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._samples.clear()
                self._take()
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
        return list(self._samples)

    def _run(self) -> None:
        while time.monotonic() - self._looked < _IDLE:
            time.sleep(EVERY)
            self._take()

    def _take(self) -> None:
        try:
            self._samples.append(self._client.get("/load"))
            self.trouble = None
        except Trouble as trouble:
            self.trouble = trouble
