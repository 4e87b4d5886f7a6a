"""The index on disk, searched by FAISS: exact while small; beyond, inverted lists of 4-bit codes, refined by vectors of
half precision.

    index/manifest.json        names the generation in use, its embedder, its files with sizes and checksums
    index/g-<time>-<hash>/     one generation, never changed: rows.npy (ids, digests), index.faiss, vectors.faiss
    index/.journal .lock .tmp-* of a build at work

A build writes a new generation, brings it to the disk and replaces the manifest by a rename; readers notice, and go on
with the old one until then. Large generations are memory-mapped. Knows nothing of examples.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from diagram.errors import BrokenIndexError, BusyError, DiascribeError, IndexUnusableError, MissingIndexError
from retrieval.embedder import Vectors
from retrieval.index import (
    ID_BYTES,
    REBUILD,
    Embed,
    Entries,
    Hit,
    Identity,
    Journal,
    Manifest,
    Progress,
    Synced,
    check_embedder,
    check_ids,
    digest_of,
    embedded,
    entry_digest,
    missing_index,
)

FORMAT: Final = 2
FLAT_UP_TO: Final = 10_000  # vectors; beyond, an exact search takes over a millisecond
ALWAYS_CHECKED: Final = 64 << 20  # bytes: below, every opening reads all and compares checksums
BATCH: Final = 32
REFINED: Final = 40  # candidates that are compared by their vectors, per entry asked for
PATIENCE: Final = 600.0  # seconds to wait for another build

_UNWRITABLE: Final = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EEXIST, errno.ENOTDIR)
_ROW: Final = np.dtype([("id", f"S{ID_BYTES}"), ("digest", "S16")])
_ROWS, _FAISS, _VECTORS = "rows.npy", "index.faiss", "vectors.faiss"


@dataclass(frozen=True, slots=True)
class _Open:
    """One generation, opened. stamp: of the manifest it was opened by. vectors: what holds them in half precision,
    where `faiss` holds codes only; refined: both together."""

    stamp: tuple[int, int, int]
    folder: Path
    manifest: Manifest
    rows: NDArray[np.void]
    faiss: Any
    vectors: Any = None
    refined: Any = None

    def nearest(self, query: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores and rows of at most k."""
        if self.refined is None:
            scores, rows = self.faiss.search(query, k)
        else:
            import faiss

            asked = min(len(self.rows), k * REFINED)
            lists = faiss.SearchParametersIVF()
            lists.nprobe = self.faiss.nlist if 2 * asked > len(self.rows) else probes(len(self.rows))
            how: Any = faiss.IndexRefineSearchParameters()
            how.k_factor, how.base_index_params = asked / k, lists
            scores, rows = self.refined.search(query, k, params=how)
        return scores[0][rows[0] >= 0], rows[0][rows[0] >= 0]

    def some(self, rows: NDArray[np.int64]) -> Vectors:
        return np.asarray((self.vectors or self.faiss).reconstruct_batch(rows), np.float32)

    def all_vectors(self) -> Vectors:
        return np.asarray((self.vectors or self.faiss).reconstruct_n(0, len(self.rows)), np.float32)


class FaissIndex:
    """An index in a folder.

    flat_up_to: vectors up to which searches are exact. patience: seconds to wait for another process that builds.
    """

    def __init__(self, folder: Path, *, flat_up_to: int = FLAT_UP_TO, patience: float = PATIENCE) -> None:
        self._folder = folder
        self._flat_up_to = flat_up_to
        self._patience = patience
        self._opened: _Open | None = None
        self._opening = threading.Lock()

    def manifest(self) -> Manifest:
        """What it holds now."""
        return self._current().manifest

    def search(self, vector: Vectors, k: int, embedder: Identity) -> list[Hit]:
        """The nearest entries, best first; see `Index.search`."""
        state = self._current()
        check_embedder(state.manifest.embedder, embedder)
        k = min(k, len(state.rows))
        if k <= 0 or not np.any(vector):
            return []
        query = np.ascontiguousarray(vector, np.float32).reshape(1, -1)
        scores, rows = state.nearest(query, k)
        best = np.lexsort((rows, -scores))
        rows = rows[best]
        names, vectors = state.rows["id"][rows].tolist(), state.some(rows)
        pairs = zip(names, scores[best].tolist(), vectors, strict=True)
        return [Hit(name.decode(), score, vector) for name, score, vector in pairs]

    def sync(
        self,
        wanted: Callable[[], Entries],
        embed: Embed,
        embedder: Identity,
        *,
        rebuild: bool = False,
        progress: Progress = None,
    ) -> Synced:
        """Hold exactly the wanted entries; see `Index.sync`."""
        with self._alone():
            start = time.perf_counter()
            entries = wanted()
            check_ids(entries)
            old = None if rebuild else self._usable(embedder)
            have = {} if old is None else {row["digest"].ljust(16, b"\0"): n for n, row in enumerate(old.rows)}
            digests = {name: entry_digest(name, digest) for name, digest in entries.items()}
            kept = [name for name in entries if digests[name] in have]
            removed = 0 if old is None else len(old.rows) - len(kept)
            if old is not None and len(kept) == len(entries) and not removed:
                return Synced(old.manifest, kept=len(kept))
            kept.sort(key=lambda name: have[digests[name]])
            journal = Journal(self._folder / ".journal", embedder)
            if rebuild:
                journal.clear()
            fresh = [name for name in entries if digests[name] not in have]
            ready = journal.read()
            resumed = sum(digests[name] in ready for name in fresh)
            todo = [name for name in fresh if digests[name] not in ready]
            for batch, vectors in embedded(todo, BATCH, embed, embedder, resumed, progress):
                journal.add([digests[name] for name in batch], vectors)
                ready |= {digests[name]: vector for name, vector in zip(batch, vectors, strict=True)}
            vectors = np.empty((len(entries), embedder.dim), np.float32)
            if old is not None and kept:
                vectors[: len(kept)] = old.all_vectors()[[have[digests[name]] for name in kept]]
            for row, name in enumerate(fresh, len(kept)):
                vectors[row] = ready[digests[name]]
            names = [*kept, *fresh]
            rows = np.array([(name.encode(), digests[name]) for name in names], _ROW)
            grown = old.folder / _FAISS if old is not None and old.vectors is not None and not removed else None
            manifest = self._publish(rows, vectors, grown, embedder, digest_of(entries), start)
            journal.clear()
            return Synced(manifest, len(todo), len(kept), resumed, removed)

    def verify(self) -> list[str]:
        """Faults found by reading everything."""
        try:
            state = self._open(check_all=True)
        except MissingIndexError:
            raise
        except IndexUnusableError as error:
            return [str(error)]
        faults = []
        lengths = np.linalg.norm(state.all_vectors(), axis=1)
        if len(lengths) and not np.all((np.abs(lengths - 1) < 1e-3) | (lengths == 0)):
            faults.append("there are vectors of a wrong length")
        if len(np.unique(state.rows["id"])) != len(state.rows):
            faults.append("an id occurs twice")
        return faults

    # Reading

    def _current(self) -> _Open:
        """The generation the manifest names now, opened anew only when another was published."""
        opened = self._opened
        if opened is not None and _stamp(self._folder / "manifest.json") == opened.stamp:
            return opened
        with self._opening:  # the others wait and find it open
            if self._opened is not None and self._opened is not opened:
                return self._opened
            self._opened = opened = self._open()
            return opened

    def _usable(self, embedder: Identity) -> _Open | None:
        """The current generation where it can be built upon."""
        with contextlib.suppress(IndexUnusableError):
            state = self._current()
            if state.manifest.embedder == embedder:
                return state
        return None

    def _open(self, *, check_all: bool = False) -> _Open:
        for attempt in range(3):
            try:
                return self._open_once(check_all)
            except BrokenIndexError:  # perhaps another build was just published, and this one removed
                if attempt == 2:
                    raise
                time.sleep(0.02)
        raise AssertionError

    def _open_once(self, check_all: bool) -> _Open:
        path = self._folder / "manifest.json"
        stamp = _stamp(path)
        if stamp is None:
            raise missing_index()
        import faiss  # costs a tenth of a second: not where there is nothing to read

        try:
            data = json.loads(path.read_bytes())
            if data["format"] != FORMAT:
                raise BrokenIndexError(f"the index has format {data['format']}, not {FORMAT}", hint=REBUILD)
            folder = self._folder / Path(data["generation"]).name
            manifest = Manifest(
                Identity(**data["embedder"]),
                *(data[key] for key in ("count", "kind", "data", "built_at", "seconds")),
            )
            _check_files(folder, data["files"], check_all)
            large = sum(file["bytes"] for file in data["files"].values()) > ALWAYS_CHECKED
            rows = np.load(folder / _ROWS, mmap_mode="r" if large else None)
            flags = faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY if manifest.kind != "flat" else 0
            index: Any = faiss.read_index(str(folder / _FAISS), flags)
            vectors: Any = None
            if _VECTORS in data["files"]:
                vectors = faiss.read_index(str(folder / _VECTORS), faiss.IO_FLAG_MMAP_IFC)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise BrokenIndexError(f"the index in {self._folder} cannot be read: {error}", hint=REBUILD) from error
        if not len(rows) == index.ntotal == manifest.count or index.d != manifest.embedder.dim:
            raise BrokenIndexError(f"the parts of the index in {self._folder} do not fit together", hint=REBUILD)
        refined = None if vectors is None else faiss.IndexRefine(index, vectors)
        # a memmap's own indexing is slow
        return _Open(stamp, folder, manifest, rows.view(np.ndarray), index, vectors, refined)

    # Writing

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock of this folder; it goes with the process, however that ends."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / ".lock").open("a") as lock:
                end = time.monotonic() + self._patience
                while True:
                    try:
                        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        break
                    except BlockingIOError:
                        if time.monotonic() >= end:
                            raise BusyError("another process is building the index", hint="try again later") from None
                        time.sleep(0.05)
                yield
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            hint = "set DIASCRIBE_INDEX_DIR to a folder of your own"
            raise DiascribeError(
                f"the index in {self._folder} cannot be written: {error.strerror}", hint=hint
            ) from error

    def _publish(
        self, rows: NDArray[np.void], vectors: Vectors, grown: Path | None, embedder: Identity, data: str, start: float
    ) -> Manifest:
        """Write a generation, name it in the manifest. grown: the last inverted lists, if they hold the first rows."""
        import faiss

        self._clean(None)
        kind = "flat" if len(rows) <= self._flat_up_to else "ivf"
        temporary = Path(tempfile.mkdtemp(dir=self._folder, prefix=".tmp-"))
        np.save(temporary / _ROWS, rows)
        if kind == "flat":
            index = faiss.IndexFlatIP(embedder.dim)
            index.add(vectors)
        else:
            half = faiss.IndexScalarQuantizer(embedder.dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
            half.add(vectors)
            faiss.write_index(half, str(temporary / _VECTORS))
            index = _inverted(vectors, grown)
        faiss.write_index(index, str(temporary / _FAISS))
        for path in temporary.iterdir():
            _to_disk(path)
        _to_disk(temporary)
        files = {path.name: _about(path) for path in sorted(temporary.iterdir())}
        now = datetime.now(UTC)
        name = f"g-{now:%Y%m%dT%H%M%S}-{os.urandom(4).hex()}"
        temporary.chmod(0o755)
        temporary.rename(self._folder / name)
        manifest = Manifest(
            embedder, len(rows), kind, data, now.isoformat(timespec="seconds"), round(time.perf_counter() - start, 3)
        )
        self._name({"format": FORMAT, **manifest.to_json(), "generation": name, "files": files})
        self._clean(name)
        return manifest

    def _name(self, data: Mapping[str, Any]) -> None:
        """Make the generation that the data tells of the current one."""
        path = self._folder / "manifest.json"
        temporary = self._folder / ".tmp-manifest.json"
        temporary.write_text(json.dumps(data, indent=1) + "\n", "utf-8")
        _to_disk(temporary)
        temporary.replace(path)
        _to_disk(self._folder)

    def _clean(self, current: str | None) -> None:
        """Remove what cut-off builds left; with `current`, also every other generation (open readers keep theirs)."""
        for path in self._folder.iterdir():
            if path.name.startswith(".tmp-") or (current and path.name.startswith("g-") and path.name != current):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _inverted(vectors: Vectors, grown: Path | None) -> Any:
    """Inverted lists of product codes, 4 bits for 4 numbers; trained anew unless the last ones hold half of all."""
    import faiss

    index: Any
    if grown is not None:
        index = faiss.read_index(str(grown))
        if index.ntotal * 2 >= len(vectors):
            index.add(vectors[index.ntotal :])
            return index
    lists = list_count(len(vectors))
    codes = f"PQ{vectors.shape[1] // 4}x4fs" if vectors.shape[1] % 4 == 0 else "SQ8"
    index = faiss.index_factory(vectors.shape[1], f"IVF{lists},{codes}", faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = 1
    index.cp.niter = 10
    sample = np.random.default_rng(1).choice(len(vectors), min(len(vectors), 64 * lists), replace=False)
    index.train(vectors[np.sort(sample)])
    index.add(vectors)
    return index


def list_count(count: int) -> int:
    """Inverted lists for so many vectors: a power of two near 4 times the square root, enough to train on in each."""
    return max(1, min(int(2 ** round(np.log2(4 * np.sqrt(count)))), count // 39))


def probes(count: int) -> int:
    """Lists that a search looks into; with `REFINED`, 98 of 100 of the nearest ten are found among a million."""
    return max(8, min(64, list_count(count) // 12))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Changes with every new file at this path."""
    try:
        stat = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size


def _about(path: Path) -> dict[str, Any]:
    stat = path.stat()
    return {"bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": _sha256(path)}


def _check_files(folder: Path, files: Mapping[str, Mapping[str, Any]], check_all: bool) -> None:
    """Sizes always; checksums where asked for, where files are small, or where a file was touched since.

    Raises:
        BrokenIndexError: a file is not what was written.
    """
    for name in files:
        path, told = folder / Path(name).name, files[name]
        try:
            stat = path.stat()
        except FileNotFoundError:
            raise BrokenIndexError(f"the index lacks {path}", hint=REBUILD) from None
        if stat.st_size != told["bytes"]:
            raise BrokenIndexError(f"{path} has {stat.st_size} bytes, not {told['bytes']}", hint=REBUILD)
        check = check_all or stat.st_size <= ALWAYS_CHECKED or stat.st_mtime_ns != told["mtime_ns"]
        if check and _sha256(path) != told["sha256"]:
            raise BrokenIndexError(f"{path} was changed after it was built", hint=REBUILD)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
