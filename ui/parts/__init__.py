"""The page's own components (HTML, CSS and JavaScript beside this file), each behind one function.

What comes from pictures or from the API goes to the browser as data and into the document as text nodes only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import streamlit as st
from streamlit.runtime import get_instance

from diagram.kinds import FAMILY
from ui.words import frame_words, t, tongue

_HERE: Final = Path(__file__).resolve().parent


def _part(name: str, html: str) -> Any:
    css = "\n".join(
        (_HERE / file).read_text("utf-8") for file in ("base.css", f"{name}.css") if (_HERE / file).exists()
    )
    js = (_HERE / f"{name}.js").read_text("utf-8")
    return st.components.v2.component(f"diascribe_{name}", html=html, css=css, js=js)


_READER = _part("reader", '<div class="part reader"></div>')
_SHEET = _part("sheet", '<div class="part sheet"></div>')
_GALLERY = _part("gallery", '<div class="part gallery"></div>')
_PREFS = _part("prefs", '<div class="part prefs"></div>')
_FRAME = _part("frame", '<span aria-hidden="true"></span>')
_PASTE = _part("paste", '<span aria-hidden="true"></span>')
_EDITOR = _part("editor", '<div class="part editor"></div>')
_PLOTS = _part("plots", '<div class="part plots"></div>')
_RESULTS = _part("results", '<div class="part results"></div>')
_GRID = _part("grid", '<div class="part grid"></div>')


def address(data: bytes, mime: str, name: str) -> str:
    """Where the browser finds these bytes while this tab shows them. name: of the place on the page."""
    return str(get_instance().media_file_mgr.add(data, mime, f"diascribe.{name}"))


def mime_of(data: bytes) -> str:
    """The media type of a picture that browsers can show; "" for others."""
    marks = {
        b"\x89PNG": "image/png",
        b"\xff\xd8": "image/jpeg",
        b"GIF8": "image/gif",
        b"BM": "image/bmp",
        b"<svg": "image/svg+xml",
    }
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for mark, mime in marks.items() if data.startswith(mark)), "")


def picture(
    data: bytes,
    mime: str,
    alt: str,
    key: str,
    *,
    size: tuple[int, int] = (0, 0),
    boxes: Sequence[Mapping[str, Any]] = (),
    arrows: Sequence[Mapping[str, Any]] = (),
    items: Sequence[Mapping[str, Any]] | None = None,
    heading: str = "",
    count: str = "",
    most: float = 2.0,
    tells: bool = False,
) -> str | None:
    """A picture with boxes and arrows over it, and the list that belongs to them; the id just chosen where it tells.

    size: of the picture in pixels, (0, 0): its own. boxes: id, box, family, number, label. arrows: points, kind,
    source, target. items: id, number, text, role, family, links (id, text), facts. most: pixels of the screen per
    pixel of the picture.
    """
    if mime == "image/svg+xml" and not all(size):
        size = _drawn_size(data)
    words = {name: t(f"picture.{name}") for name in ("smaller", "larger", "fit", "boxes", "arrows", "none")}
    result = _READER(
        key=key,
        data={
            "image": {"src": address(data, mime, key), "width": size[0], "height": size[1], "alt": alt, "most": most},
            "same": hash(data),
            "boxes": list(boxes),
            "arrows": list(arrows),
            "items": None if items is None else list(items),
            "count": count,
            "tells": tells,
            "lang": tongue(),
            "words": {**words, "list": heading},
        },
        on_picked_change=_nothing,
    )
    return _text(result.picked)


def _drawn_size(svg: bytes) -> tuple[int, int]:
    """Of its view box; browsers say some other size where it has no width of its own. (0, 0): it has none."""
    box = re.search(rb'viewBox="[\d.+-]+[ ,]+[\d.+-]+[ ,]+([\d.]+)[ ,]+([\d.]+)"', svg[:4000])
    return (round(float(box[1])), round(float(box[2]))) if box else (0, 0)


def sheet(
    text: str,
    name: str,
    key: str,
    *,
    mime: str = "text/plain;charset=utf-8",
    code: bool = False,
    head: Sequence[str] = (),
    rows: Sequence[Sequence[str]] | None = None,
) -> None:
    """A text, or a table, to read, copy and download. text: what is copied; name: of the file."""
    words = {word: t(f"sheet.{word}") for word in ("copy", "copied", "notCopied", "download")}
    data: dict[str, Any] = {"text": text, "name": name, "mime": mime, "code": code, "words": words}
    if rows is not None:
        data |= {"head": list(head), "rows": [list(row) for row in rows]}
    _SHEET(key=key, data=data)


def gallery(cards: Sequence[Mapping[str, Any]], key: str, *, picked: str = "", least: int = 210) -> str | None:
    """Cards with pictures; the id of the one just chosen. cards: id, src, alt, title, note. least: width in pixels."""
    data = {"cards": list(cards), "picked": picked, "least": least}
    return _text(_GALLERY(key=key, data=data, on_picked_change=_nothing).picked)


def results(head: Sequence[str], rows: Sequence[Mapping[str, Any]], key: str) -> str | None:
    """A table of pictures; the id of the one just chosen.

    rows: id, src, name, state, said (the state in words), text, note.
    """
    return _text(_RESULTS(key=key, data={"head": list(head), "rows": list(rows)}, on_picked_change=_nothing).picked)


def preferences(pages: Sequence[str], cookie: str) -> str | None:
    """The switches of language and theme; the language just chosen. pages: the addresses that themes are kept for."""
    words = {name: t(f"theme.{name}") for name in ("theme", "Light", "System", "Dark")}
    data = {"lang": tongue(), "cookie": cookie, "pages": list(pages), "words": {**words, "language": t("language")}}
    return _text(_PREFS(key="prefs", data=data, on_tongue_change=_nothing).tongue)


def frame() -> None:
    """Put what Streamlit itself says into the tab's language."""
    _FRAME(key="frame", data={"pairs": frame_words()})


def paste() -> None:
    """Let pictures be pasted into the page's field for files."""
    _PASTE(key="paste", data=None)


def editor(
    value: str,
    key: str,
    *,
    label: str,
    hint: str = "",
    wrong: int = 0,
    rows: int = 16,
    code: bool = False,
    serial: int = 0,
) -> str:
    """A field for text that tells what is written soon after the last key; returns it.

    value: what it begins with. serial: where it is another one than before, `value` replaces what is there.
    wrong: a line to mark, from 1.
    """
    data = {
        "value": value,
        "label": label,
        "hint": hint,
        "wrong": wrong,
        "rows": rows,
        "code": code,
        "serial": serial,
        "words": {"wrong": t("editor.wrong")},
    }
    result = _EDITOR(key=key, data=data, default={"text": None}, on_text_change=_nothing)
    told = result.text
    return value if told is None or told.get("serial") != serial else str(told["text"])


def grid(
    columns: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], key: str, *, label: str, serial: int = 0
) -> list[dict[str, str]]:
    """Rows to edit, add and remove; returns them as they are now.

    columns: name, label, kind ("text", "choice" with options [value, label], "fixed"), width. serial: as of `editor`.
    """
    words = {name: t(f"grid.{name}") for name in ("add", "remove", "empty")}
    data = {"columns": list(columns), "rows": list(rows), "label": label, "serial": serial, "words": words}
    result = _GRID(key=key, data=data, default={"rows": None}, on_rows_change=_nothing)
    told = result.rows
    return [dict(row) for row in (rows if told is None or told.get("serial") != serial else told["rows"])]


def plots(drawn: Sequence[Mapping[str, Any]], length: int, key: str) -> None:
    """Small plots. drawn: title, now, note, values (oldest first), most (0: of the values); length: of a full plot."""
    _PLOTS(key=key, data={"plots": list(drawn), "length": length})


def family(node_type: str) -> str:
    """The family of a node type, for its colour."""
    return FAMILY.get(node_type, "task")  # type: ignore[call-overload, no-any-return]


def _text(told: object) -> str | None:
    return told if isinstance(told, str) else None


def _nothing() -> None:
    """A change that needs no more than the rerun it brings."""
