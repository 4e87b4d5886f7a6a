"""The database: SQLite in WAL mode in the user's folder, or PostgreSQL by URL. Brought up to date when opened.

`read` and `write` give a connection inside a transaction; what SQLAlchemy raises becomes a `StorageError`.
Knows nothing of what is kept.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from diagram.errors import DiascribeError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from pipeline.settings import Settings

_MIGRATIONS: Final = Path(__file__).with_name("migrations")
_LOCK: Final = 0x44494153  # of PostgreSQL's advisory locks: one process migrates
PATIENCE: Final = 30.0
"""Seconds to wait for another writer."""


class StorageError(DiascribeError):
    """The database cannot be used now."""

    retryable = True


class Database:
    """One database. Threads may share it; it is opened by its first use.

    url: "" for SQLite in `folder`.
    """

    def __init__(self, folder: Path, url: str = "") -> None:
        self._folder, self._url = folder, url
        self._turn = threading.Lock()

    @classmethod
    def of(cls, settings: Settings) -> Database:
        """The database that the settings name."""
        return cls(settings.state_dir, settings.database_url.get_secret_value())

    @property
    def postgres(self) -> bool:
        """Whether it is PostgreSQL, which several machines may share."""
        return bool(self._url)

    @property
    def url(self) -> Any:
        """What SQLAlchemy connects to."""
        from sqlalchemy import URL, make_url

        if not self._url:
            return URL.create("sqlite", database=str(self._folder / "diascribe.db"))
        url = make_url(self._url).set(drivername="postgresql+psycopg")
        return url.update_query_dict({"client_encoding": "utf8"})

    @functools.cached_property
    def _engine(self) -> Engine:
        import sqlalchemy as sa
        import sqlalchemy.orm  # statements made in one thread break while another (the queue's) loads it

        if self.postgres:
            return sa.create_engine(self.url, pool_pre_ping=True, pool_size=10, max_overflow=20)
        self._folder.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(self.url, connect_args={"timeout": PATIENCE, "check_same_thread": False})

        @sa.event.listens_for(engine, "connect")
        def prepare(connection: Any, _: object) -> None:
            connection.isolation_level = None  # transactions begin below, not by the driver's guess
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}")

        @sa.event.listens_for(engine, "begin")
        def begin(connection: sa.Connection) -> None:
            writes = connection.get_execution_options().get("writes")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        return engine

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads.

        Raises:
            StorageError: the database is out of reach.
        """
        with self._transaction(writes=False) as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction; all of it is kept, or nothing where an error leaves it.

        Raises:
            StorageError: the database is out of reach, full or locked.
        """
        with self._transaction(writes=True) as connection:
            yield connection

    def close(self) -> None:
        """Let go of all connections; the next use opens it again."""
        if "_ready" in self.__dict__:
            del self.__dict__["_ready"]
        if "_engine" in self.__dict__:
            self._engine.dispose()
            del self.__dict__["_engine"]

    @contextlib.contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Connection]:
        with self._turn:
            engine = self._ready
        with _mapped(), engine.connect().execution_options(writes=writes) as connection, connection.begin():
            yield connection

    @functools.cached_property
    def _ready(self) -> Engine:
        """The engine of an up-to-date database."""
        from pipeline.storage.schema import HEAD

        with _mapped(), self._engine.connect().execution_options(writes=True) as connection:
            with connection.begin():
                if _revision(connection) == HEAD:
                    return self._engine
            with connection.begin():
                if self.postgres:
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
                if _revision(connection) != HEAD:
                    _upgrade(connection)
        return self._engine


@contextlib.contextmanager
def _mapped() -> Iterator[None]:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise StorageError(
            f"the database cannot be used: {reason}",
            hint="look at DIASCRIBE_STATE_DIR (its disk, who may write there) or DIASCRIBE_DATABASE_URL",
        ) from error
    except OSError as error:
        raise StorageError(
            f"the folder of the database cannot be used: {error.strerror}", hint="set DIASCRIBE_STATE_DIR"
        ) from error


def _revision(connection: Connection) -> str:
    import sqlalchemy as sa

    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.scalar(sa.text("SELECT version_num FROM alembic_version")) or "")


def _upgrade(connection: Connection, to: str = "head") -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    except CommandError as error:
        raise StorageError(
            "the database was written by a newer version of Diascribe", hint="install that version, or set another "
            "DIASCRIBE_STATE_DIR",
        ) from error  # fmt: skip
