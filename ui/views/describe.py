"""Describe: a picture in; what was found over it, the steps beside it, and every form of the answer."""

from __future__ import annotations

import functools
from typing import Any

import streamlit as st

from ui import outcome, parts
from ui.client import Client
from ui.desk import Desk, Picture
from ui.errand import Errand
from ui.outcome import plain
from ui.tab import EXAMPLES, api, desk, engines, field, head, tell
from ui.words import catalogue, engine_name, t

OUTPUTS = "text,table,csv,mermaid,bpmn"


def show() -> None:
    """The page."""
    mine = desk()
    errand: Errand[dict[str, Any]] | None = st.session_state.get("describing")
    left = mine.get("picture")
    if errand is None and mine.get("found") is None and left is not None:  # a reload came between
        begin(mine, left)
        errand = st.session_state["describing"]
    if errand is None and left is None:
        _empty(mine)
        return
    picture: Picture = mine.get("picture")
    _top(mine, picture)
    if errand is not None:
        progress(errand)
        outcome.alone(picture, "found")
        return
    if (trouble := mine.get("describe_trouble")) is not None:
        tell(trouble)
        if st.button(t("describe.again"), icon=":material/refresh:", type="primary"):
            begin(mine, picture)
            st.rerun()
        outcome.alone(picture, "found")
        return
    outcome.show(mine.get("found"), picture, mine)


def begin(mine: Desk, picture: Picture) -> None:
    """Start describing this picture; what was found before goes."""
    mine.put(picture=picture, found=None, describe_trouble=None, edited=None, bpmn=None)
    options = {
        "engine": st.session_state.get("engine", "auto"),
        "language": st.session_state.get("reads", "auto"),
        "k": st.session_state.get("k", 3),
        "page": picture.page,
        "formats": OUTPUTS,
    }
    work = functools.partial(_describe, api(), picture, options)
    st.session_state["describing"] = Errand(work)


def _describe(client: Client, picture: Picture, options: dict[str, Any], tell_: Any) -> dict[str, Any]:
    return client.describe(picture.name, picture.data, tell_, **options)


def _empty(mine: Desk) -> None:
    head("describe")
    field("describe", functools.partial(begin, mine))
    _options(mine)
    pictures = sorted(EXAMPLES.glob("*.png")) if EXAMPLES.is_dir() else []
    if not pictures:
        return
    st.subheader(t("describe.examples"), anchor=False)
    cards = []
    for path in pictures:
        data = path.read_bytes()
        src = parts.address(data, "image/png", f"example-{path.stem}")
        title = t(f"example.{path.stem}")
        cards.append(
            {"id": path.name, "src": src, "alt": title, "title": title, "note": t(f"example.{path.stem}.note")}
        )
    if chosen := parts.gallery(cards, "bundled", least=250):
        path = EXAMPLES / chosen
        if path in pictures:
            begin(mine, Picture(path.name, path.read_bytes()))
            st.rerun()


def _options(mine: Desk) -> None:
    with st.popover(t("options.title"), icon=":material/tune:"):
        known = engines(api(), api().address)
        st.selectbox(
            t("options.engine"),
            known,
            key="engine",
            format_func=engine_name,
            help=t("options.engine.help"),
            persist_state="session",
        )
        st.selectbox(
            t("options.language"),
            ("auto", "en", "ru"),
            key="reads",
            format_func=lambda name: t(f"options.{name}"),
            help=t("options.language.help"),
            persist_state="session",
        )
        st.number_input(t("options.k"), 0, 10, 3, key="k", help=t("options.k.help"), persist_state="session")
        if mine.get("found") is not None and st.button(t("options.again"), icon=":material/refresh:"):
            begin(mine, mine.get("picture"))
            st.rerun()


def _top(mine: Desk, picture: Picture) -> None:
    found = mine.get("found") or {}
    st.title(plain(found.get("title") or picture.name), anchor=False)
    with st.container(horizontal=True, vertical_alignment="center", key="bar"):
        with st.container(width="stretch"):
            field("describe", functools.partial(begin, mine), small=True)
        pages = int((found.get("image") or {}).get("pages", 1))
        if pages > 1:
            page = st.number_input(t("describe.page", pages=pages), 1, pages, picture.page, key="page", width=130)
            if page != picture.page:
                begin(mine, Picture(picture.name, picture.data, int(page)))
                st.rerun()
        _options(mine)
        if st.button(t("describe.new"), icon=":material/add:", disabled="describing" in st.session_state):
            mine.put(picture=None, found=None, describe_trouble=None, edited=None)
            st.rerun()
        if found:
            st.page_link(st.session_state["pages"]["correct"], label=t("describe.correct"), icon=":material/edit_note:")


@st.fragment(run_every=0.4)
def progress(errand: Errand[dict[str, Any]]) -> None:
    """How far the reading is; when it is over, what was found is laid on the desk and the page shown anew."""
    errand.wait(0.2)
    if errand.running:
        with st.container(border=True, key="progress"):
            words = t(f"stage.{errand.stage}" if f"stage.{errand.stage}" in catalogue() else "stage.reading")
            share = errand.done / errand.of if errand.of else min(0.92, errand.seconds / (errand.seconds + 4))
            st.progress(min(1.0, share), text=f"{words} · {t('stage.seconds', seconds=int(errand.seconds))}")
        return
    mine = desk()
    if st.session_state.get("describing") is errand:
        mine.put(found=errand.result or {}, describe_trouble=errand.trouble)
        del st.session_state["describing"]
    st.rerun()
