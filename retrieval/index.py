"""The seam of indexes, and what all of them share: entries with ids, vectors of one embedder only, searches by product.

`sync` makes an index hold exactly the wanted entries and embeds only what is new or changed; it is atomic, and a killed
one goes on where it stopped. Readers keep the old state until the new one is whole. Knows nothing of pictures.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from diagram.errors import BrokenIndexError, InputError, MissingIndexError, StaleIndexError
from retrieval.embedder import Vectors

REBUILD: Final = "rebuild it with: diascribe index build"
ID_BYTES: Final = 96

Entries = Mapping[str, str]
"""id -> digest of everything the vector is made from."""
Embed = Callable[[Sequence[str]], Vectors]
"""ids -> (n, dim) vectors."""
Progress = Callable[[int, int], None] | None
"""(embedded, of how many)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which embedder made the vectors."""

    name: str
    fingerprint: str
    dim: int


@dataclass(frozen=True, slots=True)
class Hit:
    """One entry found. score: scalar product with the query."""

    id: str
    score: float
    vector: Vectors


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an index holds. kind: how it is searched. data: digest of all entries. built_at: UTC, ISO 8601."""

    embedder: Identity
    count: int
    kind: str
    data: str
    built_at: str
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Synced:
    """What `sync` did. resumed: vectors taken over from a build that was cut off."""

    manifest: Manifest
    embedded: int = 0
    kept: int = 0
    resumed: int = 0
    removed: int = 0


class Index(Protocol):
    """Vectors with ids."""

    def manifest(self) -> Manifest:
        """What it holds now.

        Raises:
            MissingIndexError: nothing has been built. BrokenIndexError: what was built is unusable.
        """
        ...

    def search(self, vector: Vectors, k: int, embedder: Identity) -> list[Hit]:
        """The k entries of the largest products with `vector` (dim,), best first; ties in the order of building.

        Raises:
            MissingIndexError, BrokenIndexError. StaleIndexError: it was built by another embedder.
        """
        ...

    def sync(
        self,
        wanted: Callable[[], Entries],
        embed: Embed,
        embedder: Identity,
        *,
        rebuild: bool = False,
        progress: Progress = None,
    ) -> Synced:
        """Hold exactly the wanted entries, as embedded by `embedder`.

        wanted: called once no other process builds, so that two that add at a time lose nothing. rebuild: keep nothing
        of the old. progress: told after every batch.

        Raises:
            BusyError: another process builds for too long. InputError: an id is too long.
        """
        ...

    def verify(self) -> list[str]:
        """Faults found by reading everything; empty: none.

        Raises:
            MissingIndexError: nothing has been built.
        """
        ...


def check_embedder(built: Identity, asked: Identity) -> None:
    """Refuse to compare vectors of two embedders.

    Raises:
        StaleIndexError: they differ.
    """
    if built != asked:
        raise StaleIndexError(
            f"the index was built by another embedder ({built.fingerprint}, not {asked.fingerprint})", hint=REBUILD
        )


def check_ids(ids: Iterable[str]) -> None:
    """Raises InputError for an id that no index can hold."""
    for name in ids:
        if not name or "\0" in name or len(name.encode()) > ID_BYTES:
            raise InputError(f"the id {name!r} is empty or longer than {ID_BYTES} bytes")


def digest_of(entries: Entries) -> str:
    """One digest of all entries, whatever their order."""
    whole = hashlib.sha256()
    for name in sorted(entries):
        whole.update(entry_digest(name, entries[name]))
    return whole.hexdigest()


def entry_digest(name: str, digest: str) -> bytes:
    """16 bytes that change with the id or the digest of an entry."""
    return hashlib.blake2b(f"{name}\0{digest}".encode(), digest_size=16).digest()


def missing_index() -> MissingIndexError:
    """What to raise where nothing has been built."""
    return MissingIndexError("no index of examples has been built", hint="build it with: diascribe index build")


def embedded(
    ids: Sequence[str], size: int, embed: Embed, embedder: Identity, done: int, progress: Progress
) -> Iterator[tuple[Sequence[str], Vectors]]:
    """The ids, `size` at a time, with their vectors; progress is told once the caller is done with a batch.

    done: how many others needed no embedding.

    Raises:
        BrokenIndexError: the embedder broke its promise.
    """
    tell = progress or (lambda *_: None)
    total = done + len(ids)
    tell(done, total)
    for start in range(0, len(ids), size):
        batch = ids[start : start + size]
        vectors = np.ascontiguousarray(embed(batch), np.float32)
        if vectors.shape != (len(batch), embedder.dim) or not np.isfinite(vectors).all():
            raise BrokenIndexError(
                f"{embedder.name} gave vectors of shape {vectors.shape}, not {embedder.dim} numbers each"
            )
        yield batch, vectors
        tell(done + start + len(batch), total)


class Journal:
    """Vectors of a build that is not done yet, in one file that survives being killed at any byte.

    Header: 32 bytes that name the embedder; then records of entry digest, vector, checksum. What does not check is
    dropped, and so is everything when the embedder differs.
    """

    def __init__(self, path: Path, embedder: Identity) -> None:
        self._path = path
        self._head = hashlib.sha256(f"{embedder.fingerprint}\0{embedder.dim}".encode()).digest()
        self._dim = embedder.dim
        self._size = 16 + 4 * embedder.dim + 4

    def read(self) -> dict[bytes, Vectors]:
        """entry digest -> vector; cuts off whatever is not whole."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        found: dict[bytes, Vectors] = {}
        good = len(self._head)
        if data[:good] != self._head:
            self.clear()
            return {}
        while len(record := data[good : good + self._size]) == self._size:
            body, check = record[:-4], struct.unpack("<I", record[-4:])[0]
            if zlib.crc32(body) != check:
                break
            found[body[:16]] = np.frombuffer(body[16:], "<f4").astype(np.float32)
            good += self._size
        if good < len(data):
            os.truncate(self._path, good)
        return found

    def add(self, digests: Sequence[bytes], vectors: Vectors) -> None:
        """Append and reach the disk."""
        with self._path.open("ab") as file:
            if file.tell() == 0:
                file.write(self._head)
            for digest, vector in zip(digests, vectors, strict=True):
                body = digest + np.ascontiguousarray(vector, "<f4").tobytes()
                file.write(body + struct.pack("<I", zlib.crc32(body)))
            file.flush()
            os.fsync(file.fileno())

    def clear(self) -> None:
        """Forget everything."""
        self._path.unlink(missing_ok=True)
