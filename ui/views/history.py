"""History: past results; search, reopen, delete, export."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from ui import parts
from ui.client import Client, Trouble
from ui.desk import Desk, Picture
from ui.tab import api, desk, head, moment, tell, telling
from ui.words import t

PAGE: Final = 12


def show() -> None:
    """The page."""
    mine = desk()
    head("history")
    with st.container(horizontal=True, vertical_alignment="bottom", key="search"):
        words = st.text_input(t("history.words"), key="history_words", persist_state="session")
        kind = st.selectbox(
            t("history.kind"),
            ("", "bpmn", "flowchart"),
            format_func=lambda name: t(f"kind.{name}") if name else t("history.any"),
            key="history_kind",
            width=180,
            persist_state="session",
        )
    try:
        _entries(mine, words or "", kind or "")
    except Trouble as trouble:
        tell(trouble)


def _entries(mine: Desk, words: str, kind: str) -> None:
    asked = (words, kind)
    page = mine.get("history_page", 1) if mine.get("history_asked") == asked else 1
    found = api().get("/v1/history", query=words, kind=kind, limit=PAGE, offset=(page - 1) * PAGE)
    rows = found["entries"]
    if not rows:
        st.info(t("history.none"), icon=":material/history:")
        return
    st.caption(t("library.count", count=found["total"]))
    cards = []
    for row in rows:
        data = image(api(), row["id"])
        mime = parts.mime_of(data)
        src = parts.address(data, mime, f"past-{row['id']}") if mime else ""
        title = row.get("title") or row.get("name") or row["id"]
        cards.append({"id": row["id"], "src": src, "alt": title, "title": title, "note": _note(row)})
    chosen = parts.gallery(cards, "history_cards", picked=mine.get("history_picked", ""))
    if chosen:
        mine.put(history_picked=chosen)
        st.rerun()
    picked = next((row for row in rows if row["id"] == mine.get("history_picked")), None)
    with st.container(horizontal=True, vertical_alignment="center", key="history_do"):
        if st.button(t("history.open"), icon=":material/open_in_full:", type="primary", disabled=picked is None):
            with telling():
                reopen(mine, picked or {})
        if st.button(t("history.delete"), icon=":material/delete:", disabled=picked is None):
            with telling():
                api().delete(f"/v1/history/{(picked or {})['id']}")
                mine.put(history_picked=None)
                st.rerun()
        for form, mime in (("csv", "text/csv"), ("zip", "application/zip")):
            st.download_button(
                t("history.export", form=form.upper()),
                lambda form=form: api().data("/v1/history/export", format=form, query=words, kind=kind),  # type: ignore[misc]
                file_name=f"history.{form}",
                mime=mime,
                icon=":material/download:",
                on_click="ignore",
                key=f"history_{form}",
            )
    pages = -(-found["total"] // PAGE)
    if pages > 1:
        page = st.pagination(pages, key=f"history_pages_{hash(asked)}")
    if page != mine.get("history_page", 1) or mine.get("history_asked") != asked:
        mine.put(history_page=page, history_asked=asked)
        st.rerun()


def reopen(mine: Desk, row: dict[str, Any]) -> None:
    """Lay a past result on the desk, and go to the page that shows it."""
    entry = api().get(f"/v1/history/{row['id']}")
    data = api().data(f"/v1/history/{row['id']}/image")
    found = entry.get("description") or entry
    page = int((found.get("image") or {}).get("page") or 1)
    picture = Picture(row.get("name") or "diagram.png", data, page)
    mine.put(picture=picture, found=found, describe_trouble=None, edited=None)
    st.session_state.pop("describing", None)
    st.switch_page(st.session_state["pages"]["describe"])


def _note(row: dict[str, Any]) -> str:
    told = moment(str(row.get("used") or row.get("created") or ""))
    return " · ".join((told, t(f"kind.{row['kind']}"), t("history.nodes", count=row.get("nodes", 0))))


@st.cache_data(show_spinner=False, max_entries=48, ttl=600)
def image(_client: Client, name: str) -> bytes:
    """The picture of a past result; nothing where it is gone."""
    try:
        return _client.data(f"/v1/history/{name}/image")
    except Trouble:
        return b""
