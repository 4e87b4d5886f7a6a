"""Draw: words or Mermaid on the left, the picture on the right; it follows as one writes."""

from __future__ import annotations

import base64
import functools
from pathlib import Path
from typing import Any, Final

import streamlit as st
import yaml

from ui import parts
from ui.client import Trouble
from ui.desk import Desk
from ui.outcome import plain
from ui.tab import api, desk, head
from ui.words import sentence_of, t, told, tongue

THEMES: Final = ("", "neutral", "forest", "base", "dark")
RENDERERS: Final = ("auto", "native", "chromium")
MIMES: Final = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "pdf": "application/pdf",
    "mmd": "text/plain",
    "bpmn": "application/xml",
}


def show() -> None:
    """The page."""
    mine = desk()
    head("draw")
    if mine.get("words") is None:
        mine.put(words=_offered()["templates"]["steps"][tongue()], words_serial=1)
    _looks(mine)
    left, right = st.columns([1, 1.25], gap="medium")
    with left:
        _write(mine)
    with right:
        _see(mine)


@functools.cache
def _offered() -> Any:
    return yaml.safe_load((Path(__file__).parent.parent / "templates.yaml").read_text("utf-8"))


def _looks(mine: Desk) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="looks"):
        chosen = st.menu_button(
            t("draw.templates"),
            tuple(_offered()["templates"]),
            format_func=lambda name: t(f"template.{name}"),
            icon=":material/dashboard_customize:",
        )
        if chosen:
            _set(mine, _offered()["templates"][chosen][tongue()])
        direction = st.segmented_control(
            t("draw.direction"),
            ("auto", "TB", "LR"),
            default="auto",
            required=True,
            key="direction",
            format_func=lambda name: t(f"direction.{name}"),
            persist_state="session",
        )
        theme = st.selectbox(
            t("draw.theme"),
            THEMES,
            key="theme",
            format_func=lambda name: t(f"look.{name or 'plain'}"),
            width=170,
            persist_state="session",
        )
        renderer = st.selectbox(
            t("draw.renderer"),
            RENDERERS,
            key="renderer",
            format_func=lambda name: t(f"renderer.{name}"),
            help=t("draw.renderer.help"),
            width=170,
            persist_state="session",
        )
    side = None if direction == "auto" else direction
    mine.put(look={"direction": side, "theme": theme or "", "renderer": renderer or "auto"})


def _set(mine: Desk, words: str) -> None:
    mine.put(words=words, words_serial=mine.get("words_serial", 0) + 1)


def _write(mine: Desk) -> None:
    before = mine.get("fault")
    source = _is_mermaid(mine.get("words", ""))
    written = parts.editor(
        mine.get("words", ""),
        "words",
        label=t("draw.mermaid" if source else "draw.words"),
        hint=t("draw.hint"),
        wrong=before["line"] if before else 0,
        rows=17,
        code=source,
        serial=mine.get("words_serial", 1),
    )
    if written != mine.get("words"):
        mine.put(words=written)
    _draw(mine)
    if mine.get("fault") != before or source != _is_mermaid(written):
        st.rerun()
    drawn = mine.get("drawn")
    with st.container(horizontal=True, key="go_on"):
        if drawn and not source and drawn["mermaid"] and st.button(t("draw.to_mermaid"), icon=":material/code:"):
            _set(mine, drawn["mermaid"])
            st.rerun()
        fault = mine.get("fault")
        if fault and fault["repaired"] and st.button(t("draw.repair"), icon=":material/build:"):
            _set(mine, fault["repaired"])
            st.rerun()


def _draw(mine: Desk) -> None:
    """Draw what is written, unless that was done already."""
    words = mine.get("words", "").strip()
    asked = (words, tuple(mine.get("look", {}).items()))
    if mine.get("drawn_of") == asked:
        return
    mine.put(drawn_of=asked, draw_trouble=None)
    if not words:
        mine.put(drawn=None, fault=None)
        return
    try:
        mine.put(fault=_fault(mine.get("words", "")))
        mine.put(drawn=_ask(mine, "svg"))
    except Trouble as trouble:  # the last good picture stays
        mine.put(draw_trouble=trouble)


def _fault(words: str) -> dict[str, Any] | None:
    """Where Mermaid source is wrong, and the source repaired ("": it cannot be); None: nothing is."""
    if not _is_mermaid(words):
        return None
    verdict = api().post("/v1/validate", source=words, repair=False)
    if verdict["valid"]:
        return None
    mended = api().post("/v1/validate", source=words, repair=True)
    repaired = mended["source"] if mended["valid"] else ""
    return {"line": verdict["line"], "message": verdict["message"], "hint": verdict["hint"], "repaired": repaired}


def _ask(mine: Desk, form: str, **more: Any) -> dict[str, Any]:
    words = mine.get("words", "")
    return api().draw("/v1/draw", text=words, format=form, **mine.get("look", {}), **more)


def _see(mine: Desk) -> None:
    trouble: Trouble | None = mine.get("draw_trouble")
    fault, drawn = mine.get("fault"), mine.get("drawn")
    if fault:
        place = t("draw.place", line=fault["line"]) if fault["line"] else t("draw.wrong")
        hint = told(fault["hint"]) if tongue() == "en" else ""
        st.warning(
            f"{place} {plain(hint)}{' ' + t('draw.repaired') if fault['repaired'] else ''}", icon=":material/error:"
        )
    elif trouble is not None:
        st.warning(plain(sentence_of(trouble)), icon=":material/error:")
    if drawn is None:
        st.info(t("draw.nothing"), icon=":material/draw:")
        return
    parts.picture(drawn["content"].encode(), "image/svg+xml", t("draw.alt"), "drawn", most=1.6)
    if not fault:
        for note in (*drawn["warnings"], *drawn["repairs"]):
            st.info(plain(told(note)), icon=":material/info:")
    _downloads(mine, drawn)


def _downloads(mine: Desk, drawn: dict[str, Any]) -> None:
    forms = ["svg", "png", "pdf", "mmd", *(["bpmn"] if drawn["diagram"] else [])]
    with st.container(horizontal=True, key="downloads"):
        for form in forms:
            st.download_button(
                f".{form}",
                functools.partial(_made, mine, form),
                file_name=f"diagram.{form}",
                mime=MIMES[form],
                icon=":material/download:",
                on_click="ignore",
                key=f"get_{form}",
            )


def _made(mine: Desk, form: str) -> bytes:
    """The drawing in this form, made when it is asked for."""
    if form == "svg":
        return str(mine.get("drawn")["content"]).encode()
    made = _ask(mine, form)
    return base64.b64decode(made["content"]) if made["encoding"] == "base64" else made["content"].encode()


def _is_mermaid(words: str) -> bool:
    """Whether this is Mermaid source: its first word of weight is one of Mermaid's."""
    lines = (line.strip() for line in words.splitlines())
    first = next((line for line in lines if line and not line.startswith(("%%", "---"))), "")
    return first.split(" ")[0].split("-")[0].rstrip(";:") in _offered()["mermaid"]
