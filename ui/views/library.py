"""Library: the training diagrams as a gallery; search by words or picture, add, remove, build the index."""

from __future__ import annotations

import functools
from typing import Any, Final

import streamlit as st

from ui import parts
from ui.client import Client, Trouble
from ui.desk import Desk, Picture
from ui.outcome import plain
from ui.tab import api, desk, field, head, tell, telling
from ui.words import t

PAGE: Final = 12


def show() -> None:
    """The page."""
    mine = desk()
    head("library")
    _index()
    with st.container(horizontal=True, vertical_alignment="bottom", key="search"):
        words = st.text_input(t("library.words"), key="library_words", persist_state="session")
        own = st.toggle(t("library.own"), key="library_own", persist_state="session")
    with st.expander(t("library.by_picture"), icon=":material/image_search:"):
        field("library", functools.partial(_take, mine), small=True)
    picture: Picture | None = mine.get("library_picture")
    try:
        if picture is not None:
            _like(mine, picture)
        else:
            _all(mine, words or "", bool(own))
    except Trouble as trouble:
        tell(trouble)


def _take(mine: Desk, picture: Picture) -> None:
    mine.put(library_picture=picture, library_open=None)


@st.fragment(run_every=2)
def _index() -> None:
    """How the index stands, and its building."""
    with telling():
        state = api().get("/v1/index")
        build = state.get("build") or {}
        with st.container(horizontal=True, vertical_alignment="center", key="index"):
            if build.get("state") == "running":
                of = build.get("of") or 0
                share = build.get("done", 0) / of if of else 0.0
                st.progress(min(1.0, share), text=t("library.building", done=build.get("done", 0), of=of))
            else:
                count = state.get("examples") if state.get("built") else None
                st.text(t("library.built", count=count) if count is not None else t("library.unbuilt"), width="stretch")
                if st.button(t("library.build"), icon=":material/refresh:"):
                    api().post("/v1/index/build")
                    st.rerun(scope="fragment")
        if build.get("state") == "failed":
            st.warning(t("library.failed"), icon=":material/error:")


def _like(mine: Desk, picture: Picture) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="like"):
        st.text(t("library.like", name=picture.name), width="stretch")
        if st.button(t("library.all"), icon=":material/close:"):
            mine.put(library_picture=None)
            st.rerun()
    kept = mine.get("library_hits")
    if kept is None or kept[0] != (picture.name, len(picture.data)):
        with st.spinner(t("stage.examples")):
            files = {"file": (picture.name, picture.data)}
            kept = ((picture.name, len(picture.data)), api().send("/v1/search", files, {"k": PAGE})["results"])
        mine.put(library_hits=kept)
    rows = [{**hit, "own": False} for hit in kept[1]]
    _cards(mine, rows, lambda row: t("similar.score", percent=round(100 * row["score"])))


def _all(mine: Desk, words: str, own: bool) -> None:
    asked = (words, own)
    page = mine.get("library_page", 1) if mine.get("library_asked") == asked else 1
    found = api().get("/v1/examples", limit=PAGE, offset=(page - 1) * PAGE, query=words, own="true" if own else None)
    rows = found["examples"]
    if not rows and words:  # none is called so: those that tell of it
        hits = api().send("/v1/search", {"text": (None, words)}, {"k": PAGE})["results"]
        rows, found = [{**hit, "own": False} for hit in hits], {"total": len(hits)}
    st.caption(t("library.count", count=found["total"]))
    _cards(mine, rows, lambda row: " · ".join((t(f"kind.{row['kind']}"), t(f"options.{row['language']}"))))
    pages = -(-found["total"] // PAGE)
    if pages > 1:
        page = st.pagination(pages, key=f"library_pages_{hash(asked)}")
    if page != mine.get("library_page", 1) or mine.get("library_asked") != asked:
        mine.put(library_page=page, library_asked=asked)
        st.rerun()


def _cards(mine: Desk, rows: list[dict[str, Any]], note: Any) -> None:
    opened = mine.get("library_open")
    if opened:
        _open(mine, opened)
    if not rows:
        st.info(t("library.none"), icon=":material/photo_library:")
        return
    cards = []
    for row in rows:
        data = image(api(), row["id"])
        src = parts.address(data, parts.mime_of(data) or "image/png", f"lib-{row['id']}") if data else ""
        title = row.get("title") or row["id"]
        cards.append({"id": row["id"], "src": src, "alt": title, "title": title, "note": note(row)})
    if chosen := parts.gallery(cards, "library_cards", picked=opened or ""):
        mine.put(library_open=chosen)
        st.rerun()


@st.cache_data(show_spinner=False, max_entries=96, ttl=600)
def image(_client: Client, name: str) -> bytes:
    """The picture of a training diagram; nothing where there is none."""
    try:
        return _client.data(f"/v1/examples/{name}/image")
    except Trouble:
        return b""


def _open(mine: Desk, name: str) -> None:
    with st.container(border=True, key="opened"), telling():
        one = api().get(f"/v1/examples/{name}")
        left, right = st.columns([1.4, 1])
        with left:
            data = image(api(), name)
            parts.picture(data, parts.mime_of(data) or "image/png", one.get("title") or name, "library_seen")
        with right:
            st.text(one.get("title") or name)
            told = (one.get("licence"), one.get("source"))
            st.caption(" · ".join(plain(str(part)) for part in told if part))
            with st.container(height=260, border=False):
                st.text(one.get("description") or "")
            with st.container(horizontal=True):
                if st.button(t("library.close"), icon=":material/close:"):
                    mine.put(library_open=None)
                    st.rerun()
                if one.get("own") and st.button(t("library.remove"), icon=":material/delete:"):
                    api().delete(f"/v1/examples/{name}")
                    mine.put(library_open=None)
                    st.rerun()
