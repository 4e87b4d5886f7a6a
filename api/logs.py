"""One way to log: `time LEVEL logger request message key=value …`, to stderr, and to a rotated file if one is set.

Requests are told apart by the id in `REQUEST`. No bodies, names of files or keys are logged.
"""

from __future__ import annotations

import logging
import logging.handlers
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Final

REQUEST: Final[ContextVar[str]] = ContextVar("request", default="-")


class Formatter(logging.Formatter):
    """One line per record; tracebacks follow indented, so that a line that is not indented begins a record."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        message = " ".join(record.getMessage().split())
        line = f"{when}.{int(record.msecs):03d}Z {record.levelname} {record.name} {REQUEST.get()} {message}"
        if record.exc_info:
            line += "\n    " + self.formatException(record.exc_info).replace("\n", "\n    ")
        return line


def set_up(file: Path | None = None, level: int = logging.INFO) -> None:
    """Send the logs of this process to stderr, and to the file."""
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(
            logging.handlers.RotatingFileHandler(file, maxBytes=10_000_000, backupCount=5, encoding="utf-8")
        )
    for handler in handlers:
        handler.setFormatter(Formatter())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
