"""What every page needs of its tab: the API, the desk that is kept over reloads, the field for files, troubles told."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from ui import parts
from ui.client import Client, Trouble
from ui.desk import Desk, Picture, Shelf
from ui.words import sentence_of, t, tongue

EXAMPLES: Final = Path(__file__).resolve().parent.parent / "data" / "examples"
READS: Final = ("png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "gif", "pdf")
"""Endings of files that can be read."""


@st.cache_resource(show_spinner=False)
def api() -> Client:
    """The API that this page talks to."""
    return Client(os.environ.get("DIASCRIBE_UI_API", "http://127.0.0.1:8000"), os.environ.get("DIASCRIBE_UI_KEY", ""))


@st.cache_resource(show_spinner=False)
def shelf() -> Shelf:
    """The desks of all tabs of this process."""
    return Shelf()


def desk() -> Desk:
    """The desk of this tab; its name stands in the address, so that a reload finds it again."""
    state = st.session_state
    if "desk" not in state:
        state["desk_name"], state["desk"] = shelf().open(st.query_params.get("d"))
    mine: Desk = state["desk"]
    shelf().touch(state["desk_name"], mine)
    if mine.things and st.query_params.get("d") != state["desk_name"]:
        st.query_params["d"] = state["desk_name"]
    return mine


def tell(trouble: Trouble) -> None:
    """Say what went wrong, in a sentence with a way out."""
    st.warning(sentence_of(trouble), icon=":material/error:")
    if trouble.request_id:
        st.caption(t("trouble.request", id=trouble.request_id))


def moment(told: str) -> str:
    """A time of the API (ISO 8601) by the clock and in the writing of whoever looks; "" where it is none."""
    try:
        zone = ZoneInfo(st.context.timezone or "UTC")
        at = datetime.fromisoformat(told).astimezone(zone)
    except (ValueError, ZoneInfoNotFoundError):
        return told[:16].replace("T", " ")
    return at.strftime("%d.%m.%Y, %H:%M" if tongue() == "ru" else "%d %b %Y, %H:%M")


@contextmanager
def telling() -> Iterator[None]:
    """Troubles in here become sentences on the page."""
    try:
        yield
    except Trouble as trouble:
        tell(trouble)


def head(name: str) -> None:
    """Title and lead of a page."""
    st.title(t(f"{name}.title"), anchor=False)
    with st.container(key="lead"):
        st.text(t(f"{name}.lead"))


def field(name: str, taken: Callable[[Picture], None], *, small: bool = False) -> None:
    """The field for one picture: dropped, chosen or pasted. It is emptied as soon as the picture was taken."""
    count = st.session_state.setdefault(f"{name}_count", 0)
    key = f"{name}_file_{count}"

    def take() -> None:
        given = st.session_state.get(key)
        if given is not None and st.session_state.get(f"{name}_taken") != given.file_id:  # it may be told of twice
            st.session_state[f"{name}_count"] = count + 1
            st.session_state[f"{name}_taken"] = given.file_id
            taken(Picture(given.name, given.getvalue()))

    with st.container(key="again" if small else "drop"):
        st.file_uploader(t("drop.label"), key=key, on_change=take, label_visibility="collapsed")
    parts.paste()


@st.cache_data(show_spinner=False, max_entries=4, ttl=30)
def engines(_client: Client, address: str) -> tuple[str, ...]:
    """What can read pictures here, as the API tells; `auto` where it does not."""
    del address
    try:
        told: dict[str, Any] = _client.get("/models")
    except Trouble:
        return ("auto",)
    names = tuple(str(name) for name in told.get("engines", ()))
    return names if "auto" in names else ("auto", *names)
