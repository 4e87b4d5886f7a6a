"""The page's frame: look, navigation, language. Run by Streamlit; each view is a file in `views/`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui import parts
from ui.views import batch, chat, correct, describe, draw, history, library, ocr, service
from ui.words import COOKIE, t

HERE = Path(__file__).resolve().parent
st.set_page_config(page_title="Diascribe", page_icon=str(HERE / "static" / "mark.svg"), layout="wide")

GROUPS = {
    "nav.pictures": (
        (describe.show, "describe", ":material/account_tree:", ""),
        (correct.show, "correct", ":material/edit_note:", "correct"),
        (batch.show, "batch", ":material/stacks:", "batch"),
        (chat.show, "chat", ":material/forum:", "chat"),
        (ocr.show, "ocr", ":material/match_case:", "ocr"),
    ),
    "nav.words": ((draw.show, "draw", ":material/draw:", "draw"),),
    "nav.kept": (
        (library.show, "library", ":material/photo_library:", "library"),
        (history.show, "history", ":material/history:", "history"),
        (service.show, "service", ":material/monitor_heart:", "service"),
    ),
}
PAGES = {
    t(group): [
        st.Page(show, title=t(f"{name}.nav"), icon=icon, url_path=path or None, default=not path)
        for show, name, icon, path in pages
    ]
    for group, pages in GROUPS.items()
}

dark = st.context.theme.type == "dark"
st.logo(str(HERE / "static" / f"logo-{'dark' if dark else 'light'}.svg"), size="large")
names = ("drop.here", "drop.what", "drop.pick", "drop.touch", "drop.many", "drop.zip", "nav.skip")
quoted = "".join(f'--{name.replace(".", "-")}: "{t(name)}";' for name in names)
accent, button, ground, line = (
    ("#5fd4c8", "#0f7a73", "#11191d", "#2d3c43") if dark else ("#0f6e68", "#0f6e68", "#ffffff", "#d8e0e1")
)
css = (HERE / "style.css").read_text("utf-8")
st.html(
    f"<style>:root{{{quoted}--page-accent:{accent};--page-button:{button};--page-ground:{ground};--page-line:{line}}}\n{css}</style>"
)

st.session_state["pages"] = {
    path or "describe": one
    for group, made in zip(GROUPS.values(), PAGES.values(), strict=True)
    for (*_, path), one in zip(group, made, strict=True)
}
page = st.navigation(PAGES, expanded=True)
with st.sidebar:
    addresses = [path for pages in GROUPS.values() for *_, path in pages]
    if chosen := parts.preferences(addresses, COOKIE):
        st.session_state["tongue"] = chosen
        st.rerun()
parts.frame()
page.run()
