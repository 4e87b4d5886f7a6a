"""Which form a client is answered in: what it asks for by name wins, else its `Accept` header, else the usual one.

Knows the media types; not what is written in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from api.problems import NotAcceptableError

MEDIA: Final = {
    "json": "application/json",
    "text": "text/plain",
    "table": "text/markdown",
    "markdown": "text/markdown",
    "csv": "text/csv",
    "mermaid": "text/vnd.mermaid",
    "mmd": "text/vnd.mermaid",
    "bpmn": "application/xml",
    "svg": "image/svg+xml",
    "png": "image/png",
    "pdf": "application/pdf",
    "dot": "text/vnd.graphviz",
    "events": "text/event-stream",
}
_ALIASES: Final = {"application/bpmn+xml": "bpmn", "text/xml": "bpmn", "text/x-mermaid": "mermaid"}


def chosen(asked: str | None, accept: str, offers: Sequence[str]) -> str:
    """The name of the form; the first offer is the usual one.

    Raises:
        NotAcceptableError: the client takes none of the offers.
    """
    if asked is not None:
        return asked
    best, liked = "", (0.0, 0)
    for part in accept.split(",") if accept.strip() else ["*/*"]:
        wanted, quality = _range(part)
        rank = (quality, 0 if wanted == "*/*" else 1 if "*" in wanted else 2)
        offer = next((offer for offer in offers if _fits(wanted, offer)), "")
        if offer and quality and rank > liked:
            best, liked = offer, rank
    if not best:
        raise NotAcceptableError("none of the accepted media types can be made", hint="can be made: " + _told(offers))
    return best


def media_type(name: str) -> str:
    """The value of Content-Type."""
    media = MEDIA[name]
    return f"{media}; charset=utf-8" if media.startswith("text/") or media == "application/xml" else media


def _range(part: str) -> tuple[str, float]:
    """A media range and how much it is liked, 0 to 1."""
    wanted, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                return wanted, min(1.0, max(0.0, float(value)))
            except ValueError:
                return wanted, 0.0
    return wanted, 1.0


def _fits(wanted: str, offer: str) -> bool:
    media = MEDIA[offer]
    if wanted in ("*/*", "*", media) or _ALIASES.get(wanted) == offer:
        return True
    return wanted.endswith("/*") and media.startswith(wanted[:-1])


def _told(offers: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(MEDIA[offer] for offer in offers))
