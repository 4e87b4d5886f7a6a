"""Ask: questions about a picture, answered as the model writes; without a model it says how to get one."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import streamlit as st

from ui import parts
from ui.client import Trouble
from ui.desk import Desk, Picture
from ui.outcome import plain
from ui.tab import api, desk, field, head, tell
from ui.words import t

Said = list[tuple[str, str]]
COMMANDS = """pip install 'diascribe[vlm]'
diascribe models download qwen2.5-vl-3b

DIASCRIBE_SERVER_URL=http://localhost:8000/v1 diascribe serve
"""
NO_MODEL = ("no-model", "missing-dependency", "engine-unavailable")


def show() -> None:
    """The page."""
    mine = desk()
    head("chat")
    picture: Picture | None = mine.get("chat_picture") or mine.get("picture")
    left, right = st.columns([1, 1.2], gap="large")
    with left:
        field("chat", functools.partial(_take, mine), small=picture is not None)
        if picture is not None and (mime := parts.mime_of(picture.data)):
            parts.picture(picture.data, mime, t("picture.of", name=picture.name), "chat_seen")
    with right:
        said: Said = mine.get("said", [])
        for question, answer in said:
            with st.chat_message("user", avatar=":material/person:"):
                st.text(question)
            with st.chat_message("assistant", avatar=":material/account_tree:"):
                st.text(answer)
        if not said:
            st.info(t("chat.begin" if picture else "chat.needs"), icon=":material/forum:")
        _turn(mine, picture, said)


def _take(mine: Desk, picture: Picture) -> None:
    mine.put(chat_picture=picture, said=[])


def _turn(mine: Desk, picture: Picture | None, said: Said) -> None:
    question = st.chat_input(t("chat.field"), max_chars=2000, disabled=picture is None)
    if not question or picture is None:
        return
    with st.chat_message("user", avatar=":material/person:"):
        st.text(question)
    with st.chat_message("assistant", avatar=":material/account_tree:"):
        place = st.empty()
        place.caption(t("chat.thinking"))
        told = ""
        try:
            for piece in _answer(picture, question, said):
                told += piece
                place.text(told)
        except Trouble as trouble:
            place.empty()
            if trouble.kind in NO_MODEL:
                ways()
            else:
                tell(trouble)
            return
        finally:  # also where another page is opened meanwhile: what was said so far stays
            if told:
                mine.put(said=[*said, (question, told)])


def _answer(picture: Picture, question: str, said: Said) -> Iterator[str]:
    past = [{"question": asked, "answer": answer} for asked, answer in said[-6:]]
    return api().ask(picture.name, picture.data, question, past)


def ways() -> None:
    """How to get a model."""
    st.warning(t("chat.no_model"), icon=":material/smart_toy:")
    for number in ("1", "2", "3"):
        st.text(f"{number}. " + t(f"chat.way{number}"))
    parts.sheet(COMMANDS, "model.txt", "ways", code=True)
    st.page_link(st.session_state["pages"]["service"], label=plain(t("service.nav")), icon=":material/monitor_heart:")
