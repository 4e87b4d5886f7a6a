"""The durable queue: DBOS, on its own SQLite file or in the schema `dbos` of the PostgreSQL database.

A thin skin, so that the rest knows only names, functions and arguments. What is written is JSON, never a pickle. There
is one per process, as DBOS has it.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from diagram.errors import BusyError
from pipeline.storage import StorageError
from pipeline.store import Store

_QUEUE: Final = "diascribe"
_POLL: Final = 0.2
_MANY: Final = 500
_OPEN: Final = ("PENDING", "ENQUEUED", "DELAYED")


class Queue:
    """The queue of one process. process: its name among those that share the queue."""

    def __init__(self, store: Store, process: str) -> None:
        self._store, self._process = store, process
        self._functions: dict[str, Any] = {}

    def open(self, functions: Mapping[str, Callable[..., str]], at_once: int) -> None:
        """Begin to work. functions: what can be added, by name; at_once: how many may be given out.

        Raises:
            StorageError: the database cannot be used. BusyError: this process has another queue.
        """
        import dbos._dbos  # the one place that tells whether there is one
        from dbos import DBOS, DBOSConfig

        if dbos._dbos._dbos_global_instance is not None:
            raise BusyError("another server in this process works on batches", hint="run it in a process of its own")
        logging.getLogger("dbos").setLevel(logging.ERROR)
        config = DBOSConfig(
            name="diascribe",
            system_database_url=self._url(),
            application_version="1",
            executor_id=self._process,
            serializer=_serializer(),
            log_level="ERROR",
            use_listen_notify=False,
            max_executor_threads=at_once + 8,
        )
        try:
            DBOS(config=config)
            self._functions = {name: _durable(name, function) for name, function in functions.items()}
            DBOS.launch()
            DBOS.register_queue(
                _QUEUE, worker_concurrency=at_once, polling_interval_sec=_POLL, on_conflict="always_update"
            )
        except Exception as error:
            DBOS.destroy(destroy_registry=True)
            raise StorageError(f"the queue cannot be opened: {error}", hint="look at DIASCRIBE_STATE_DIR") from error

    def add(self, name: str, function: str, *arguments: Any) -> None:
        """Let a function be called, once, under this name; a name that was added before is left as it is."""
        from dbos import DBOS, SetWorkflowID

        with SetWorkflowID(name):
            DBOS.enqueue_workflow(_QUEUE, self._functions[function], *arguments)

    def cancel(self, names: Sequence[str]) -> None:
        """Take out what waits; what runs is told at its next step."""
        from dbos import DBOS

        for at in range(0, len(names), _MANY):
            DBOS.cancel_workflows(list(names[at : at + _MANY]))

    def resume(self, name: str) -> None:
        """Let what a process had begun that is dead be begun again."""
        from dbos import DBOS

        DBOS.resume_workflow(name)

    def begun(self) -> list[tuple[str, str]]:
        """(name, process) of all that has been given out and has not ended."""
        from dbos import DBOS

        found = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        return [(one.workflow_id, one.executor_id or "") for one in found]

    def ended(self, names: Sequence[str]) -> set[str]:
        """Which of these have ended, in whatever way."""
        from dbos import DBOS

        found: set[str] = set()
        for at in range(0, len(names), _MANY):
            some = list(names[at : at + _MANY])
            ones = DBOS.list_workflows(workflow_ids=some, load_input=False, load_output=False)
            found.update(one.workflow_id for one in ones if one.status not in _OPEN)
        return found

    def forget(self, age: float) -> None:
        """Forget what ended so many seconds ago."""
        from dbos import DBOS

        ended = ["SUCCESS", "ERROR", "CANCELLED"]
        before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - age))
        while found := DBOS.list_workflows(
            status=ended, completed_before=before, load_input=False, load_output=False, limit=_MANY
        ):
            DBOS.delete_workflows([one.workflow_id for one in found])

    def close(self, patience: float) -> None:
        """Give out nothing more, wait so many seconds for what runs, and let go."""
        from dbos import DBOS

        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=int(patience))

    def _url(self) -> str:
        database = self._store.database
        if database.postgres:
            return str(database.url.render_as_string(hide_password=False))
        import sqlite3

        path = self._store.settings.state_dir / "queue.db"
        path.parent.mkdir(parents=True, exist_ok=True)
        with sqlite3.connect(path, timeout=30) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        connection.close()
        return f"sqlite:///{path}"


def _durable(name: str, function: Callable[..., str]) -> Any:
    """A workflow of one step."""
    from dbos import DBOS

    step = DBOS.step(name=f"{name}-step", retries_allowed=True, max_attempts=8, interval_seconds=0.5)(
        lambda *arguments: function(*arguments)  # noqa: PLW0108 DBOS marks what it is given: not the method
    )
    return DBOS.workflow(name=name)(lambda *arguments: step(*arguments))  # noqa: PLW0108


def _serializer() -> Any:
    from dbos import Serializer

    class Plain(Serializer):
        """JSON; of errors only what they say."""

        def serialize(self, data: Any) -> str:
            if isinstance(data, BaseException):
                data = {"error": f"{type(data).__name__}: {data}"}
            return json.dumps(data)

        def deserialize(self, serialized_data: str) -> Any:
            data = json.loads(serialized_data)
            if isinstance(data, dict) and data.keys() == {"error"}:
                return RuntimeError(data["error"])
            return data

        def name(self) -> str:
            return "json"

    return Plain()
