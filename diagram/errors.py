"""The one error tree. Every error says what happened, what to do about it (`hint`) and whether trying again may help.

Third-party exceptions are mapped to these once, at the boundary where they arise. Knows nothing of HTTP or exit codes:
the API maps class to status, the CLI maps class to exit code.
"""

from __future__ import annotations


class DiascribeError(Exception):
    """Base of all errors that a user may see.

    Attributes:
        hint: one sentence that names the mend; empty when there is none.
        retryable: whether the same call may succeed later.
    """

    retryable = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class InvalidDiagramError(DiascribeError):
    """A graph breaks the data contract (unknown type, dangling flow, duplicate id, bad box)."""


class InputError(DiascribeError):
    """What the user handed in cannot be used."""


class UnreadableImageError(InputError):
    """Not an image, truncated, or of a format that is not supported."""


class ImageTooLargeError(InputError):
    """The picture exceeds the accepted size in bytes or pixels."""


class UnknownNameError(InputError):
    """A name (engine, format, renderer …) is not registered; the hint lists the known ones."""


class MissingDependencyError(DiascribeError):
    """An optional program or package is not installed; the hint says how to get it."""


class BusyError(DiascribeError):
    """A limit is reached for now."""

    retryable = True


class IndexUnusableError(DiascribeError):
    """The index of examples cannot be searched as it is."""


class MissingIndexError(IndexUnusableError):
    """No index has been built."""


class StaleIndexError(IndexUnusableError):
    """The index holds vectors of another embedder; comparing them would mean nothing."""


class BrokenIndexError(IndexUnusableError):
    """Files of the index are missing, truncated or changed."""


class EngineError(DiascribeError):
    """A model, or the server that runs it, cannot answer."""


class EngineUnavailableError(EngineError):
    """A model cannot answer now: its server is out of reach or overloaded, or memory is short."""

    retryable = True


class ReplyError(EngineError):
    """A model answered, but not with what it was asked for."""

    retryable = True
