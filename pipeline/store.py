"""All that a service keeps, opened from the settings: `Store`. Nothing is opened before it is used."""

from __future__ import annotations

import time

from pipeline.batches import Batches
from pipeline.fingerprint import Fingerprint
from pipeline.history import History
from pipeline.settings import Settings
from pipeline.storage import Database, Uploads
from pipeline.storage.uploads import sha_of
from pipeline.tasks import Describe

DAY = 86_400.0


class Store:
    """database, uploads, history, batches and keys of results, for one process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database.of(settings)
        self.uploads = Uploads(settings.state_dir / "uploads")
        self.history = History(self.database, self.uploads)
        self.batches = Batches(self.database, self.uploads, self.history)
        self.fingerprint = Fingerprint(settings)

    def key(self, task: Describe) -> str:
        """The key under which the answer to this question is kept."""
        examples = min(task.examples, self.settings.examples)
        return self.fingerprint.key(sha_of(task.data), task.page, task.engine, task.lang, examples)

    def expire(self) -> int:
        """Forget results that nobody asked for in the days of the settings; how many."""
        days = self.settings.history_days
        before = time.time() - (DAY if days < 0 else days * DAY)
        removed = 0
        if days:
            self.batches.clear(before)
            removed = self.history.clear(before)
        self.uploads.sweep(self.database)
        return removed

    def exists(self) -> bool:
        """Whether anything was ever kept, as far as can be told without making it."""
        return self.database.postgres or (self.settings.state_dir / "diascribe.db").exists()

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()
