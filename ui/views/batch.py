"""Batch: many pictures or a ZIP; progress, states, cancel, retry, results, exports. Its id stands in the address."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from ui import parts
from ui.client import Trouble
from ui.desk import Desk
from ui.tab import api, desk, head, tell, telling
from ui.views.history import image, reopen
from ui.words import t, told

STATES: Final = ("queued", "running", "done", "failed", "cancelled")
EXPORTS: Final = {
    "zip": "application/zip",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
SHOWN: Final = 24


def show() -> None:
    """The page."""
    mine = desk()
    head("batch")
    if (asked := st.query_params.get("batch")) and not mine.get("batch"):
        mine.put(batch=asked)
    name = mine.get("batch")
    _drop(mine, small=bool(name))
    if not name:
        _earlier(mine)
        return
    st.query_params["batch"] = name
    _progress(name)
    with st.container(horizontal=True):
        if st.button(t("batch.close"), icon=":material/close:"):
            mine.put(batch=None)
            st.query_params.pop("batch", None)
            st.rerun()


def _drop(mine: Desk, *, small: bool) -> None:
    count = st.session_state.setdefault("batch_count", 0)
    key = f"batch_files_{count}"
    with st.container(key="again" if small else "drop"):
        given = st.file_uploader(t("drop.label"), key=key, accept_multiple_files=True, label_visibility="collapsed")
    parts.paste()
    if not given:
        return
    with st.spinner(t("batch.sending", count=len(given))):
        try:
            files = [("files", (one.name, one.getvalue(), one.type or "application/octet-stream")) for one in given]
            fields = {"engine": st.session_state.get("engine"), "language": st.session_state.get("reads")}
            made = api().send(
                "/v1/batches", files, fields, {"idempotency-key": f"{st.session_state['desk_name']}-{count}"}
            )
        except Trouble as trouble:
            tell(trouble)
            return
        finally:
            st.session_state["batch_count"] = count + 1
    mine.put(batch=made["id"])
    st.rerun()


def _earlier(mine: Desk) -> None:
    with telling():
        rows = api().get("/v1/batches", limit=8)["batches"]
        if not rows:
            return
        st.subheader(t("batch.earlier"), anchor=False)
        for row in rows:
            with st.container(horizontal=True, vertical_alignment="center", border=True, key=f"earlier_{row['id']}"):
                st.text(_counts(row), width="stretch")
                if st.button(t("batch.open"), key=f"open_{row['id']}", icon=":material/open_in_full:"):
                    mine.put(batch=row["id"])
                    st.rerun()


@st.fragment(run_every=1.5)
def _progress(name: str) -> None:
    """How far it is, and each item. It asks the API anew each time, so that a reload loses nothing."""
    try:
        state = api().get(f"/v1/batches/{name}")
        items = api().get(f"/v1/batches/{name}/items", limit=500)["items"]
    except Trouble as trouble:
        tell(trouble)
        return
    total = max(1, int(state.get("total") or 0))
    over = state["state"] in ("done", "cancelled", "failed")
    ended = sum(int(state.get(key) or 0) for key in ("done", "failed", "cancelled"))
    st.progress(min(1.0, ended / total), text=_counts(state) + ("" if over else _eta(state)))
    with st.container(horizontal=True, key="batch_do"):
        if not over and st.button(t("batch.cancel"), icon=":material/stop_circle:"):
            with telling():
                api().post(f"/v1/batches/{name}/cancel")
        if state.get("failed") and over and st.button(t("batch.retry"), icon=":material/replay:"):
            with telling():
                api().post(f"/v1/batches/{name}/retry")
        for form, mime in EXPORTS.items():
            if state.get("done"):
                st.download_button(
                    t("batch.export", form=form.upper()),
                    functools.partial(api().data, f"/v1/batches/{name}/export", format=form),
                    file_name=f"batch.{form}",
                    mime=mime,
                    icon=":material/download:",
                    on_click="ignore",
                    key=f"batch_{form}",
                )
    _items(items)


def _items(items: list[Mapping[str, Any]]) -> None:
    chosen = st.pills(
        t("batch.filter"),
        [state for state in STATES if any(item["state"] == state for item in items)],
        format_func=lambda state: f"{t(f'batch.{state}')} · {sum(item['state'] == state for item in items)}",
        key="batch_filter",
        label_visibility="collapsed",
    )
    rows = [item for item in items if chosen in (None, item["state"])]
    cards = []
    for item in rows[:SHOWN]:
        note = t(f"batch.{item['state']}")
        if item.get("error"):
            problem = item["error"]
            note += ". " + told(str(problem.get("detail", "") if isinstance(problem, Mapping) else problem))
        past = item.get("result")
        data = image(api(), str(past)) if past else b""
        mime = parts.mime_of(data)
        src = parts.address(data, mime, f"item-{past}") if mime else ""
        cards.append({"id": str(past or ""), "src": src, "alt": item["name"], "title": item["name"], "note": note})
    if chosen_card := parts.gallery(cards, "batch_cards", least=170):
        named = next((item["name"] for item in rows if str(item.get("result")) == chosen_card), "")
        with telling():
            reopen(desk(), {"id": chosen_card, "name": named})
    if len(rows) > SHOWN:
        st.caption(t("batch.more", count=len(rows) - SHOWN))


def _counts(state: Mapping[str, Any]) -> str:
    words = t("batch.counts", done=state.get("done") or 0, total=state.get("total") or 0)
    failed = t("batch.failures", failed=state["failed"]) if state.get("failed") else ""
    return " · ".join(part for part in (t(f"batch.{state['state']}"), words, failed) if part)


def _eta(state: Mapping[str, Any]) -> str:
    eta = state.get("eta")
    return "" if not isinstance(eta, (int, float)) else " · " + t("batch.eta", seconds=max(1, round(eta)))
