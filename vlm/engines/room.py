"""The memory of one device that a model may take: what is free, and what the settings allow of it. All in bytes."""

from __future__ import annotations

from types import ModuleType
from typing import Final

from vlm.memory import MemoryShortError

_RESERVE: Final = 512 << 20  # of free memory that is left to others: the driver, the desktop, the built-in reader


class Room:
    """device: "cpu" or "cuda". limit: GiB that the settings allow; None: all that is free but for a reserve.
    weights: what those of the model take."""

    def __init__(self, torch: ModuleType, device: str, limit: float | None, weights: int) -> None:
        self._torch, self._cuda, self.weights = torch, device == "cuda", weights
        self._limit = None if limit is None else int(limit * 2**30)

    def for_weights(self) -> int:
        """What weights may take, before they are loaded."""
        free = self._free()
        return max(0, free - _RESERVE if self._limit is None else min(free, self._limit))

    def for_requests(self) -> int:
        """What requests may take now, once the weights are loaded."""
        free = self._free()
        return free - _RESERVE if self._limit is None else min(free, self._limit - self.weights)

    def short(self) -> MemoryShortError:
        """What to say where the weights do not fit."""
        return MemoryShortError(
            f"the weights need {self.weights / 2**30:.2f} GiB, {self.for_weights() / 2**30:.2f} GiB may be used",
            hint="Use a smaller model or nf4, or allow more with DIASCRIBE_MAX_VRAM or DIASCRIBE_MAX_RAM.",
        )

    def cap(self) -> None:
        """Make torch itself refuse what goes beyond the limit of a GPU, whatever the forecast says."""
        if self._cuda and self._limit is not None:
            _, total = self._torch.cuda.mem_get_info()
            self._torch.cuda.set_per_process_memory_fraction(min(1.0, self._limit / total))

    def _free(self) -> int:
        if not self._cuda:
            import psutil

            return int(psutil.virtual_memory().available)
        free, _ = self._torch.cuda.mem_get_info()
        unused = self._torch.cuda.memory_reserved() - self._torch.cuda.memory_allocated()
        return int(free + unused)
