"""Where results, batches and uploads are kept: a database and a folder of files.

`Store` opens both; `pipeline.history` and `pipeline.batches` say what is kept. Knows nothing of HTTP or of queues.
"""

from __future__ import annotations

from pipeline.storage.database import Database, StorageError
from pipeline.storage.uploads import Uploads

__all__ = ["Database", "StorageError", "Uploads"]
