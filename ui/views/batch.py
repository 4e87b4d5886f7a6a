"""Batch: many pictures or a ZIP; progress, states, cancel, retry, results, exports. Its id stands in the address."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from ui import parts
from ui.client import Client, Trouble
from ui.desk import Desk
from ui.tab import api, desk, head, moment, tell, telling
from ui.views.history import image, reopen
from ui.words import sentence_of, t

OVER: Final = ("done", "cancelled", "failed")
STATES: Final = ("queued", "running", "done", "failed", "cancelled")
EXPORTS: Final = {
    "zip": "application/zip",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
SHOWN: Final = 20
MEGABYTES: Final = 1000
"""Of one file, a ZIP say."""

MOST: Final = 1000
"""Items of one batch that the API tells at once."""


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
    over = mine.get("batch_over") == name
    st.fragment(_progress, run_every=None if over else 1.5)(mine, name)
    with st.container(horizontal=True):
        if st.button(t("batch.close"), icon=":material/close:"):
            mine.put(batch=None, batch_over=None)
            st.query_params.pop("batch", None)
            st.rerun()


def _drop(mine: Desk, *, small: bool) -> None:
    count = st.session_state.setdefault("batch_count", 0)
    key = f"batch_files_{count}"
    with st.container(key="again" if small else "drop"):
        given = st.file_uploader(
            t("drop.label"),
            key=key,
            accept_multiple_files=True,
            label_visibility="collapsed",
            max_upload_size=MEGABYTES,
        )
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
                st.text(f"{moment(row['created'])} · {_counts(row)}", width="stretch")
                if st.button(t("batch.open"), key=f"open_{row['id']}", icon=":material/open_in_full:"):
                    mine.put(batch=row["id"])
                    st.rerun()


def _progress(mine: Desk, name: str) -> None:
    """How far it is, and each item. It asks the API anew each time, so that a reload loses nothing."""
    try:
        state = api().get(f"/v1/batches/{name}")
        items = api().get(f"/v1/batches/{name}/items", limit=MOST)["items"]
    except Trouble as trouble:
        tell(trouble)
        return
    total = max(1, int(state.get("total") or 0))
    over = state["state"] in OVER
    if over and mine.get("batch_over") != name:  # nothing changes any more: it need not be asked for again
        mine.put(batch_over=name)
        st.rerun()
    ended = sum(int(state.get(key) or 0) for key in ("done", "failed", "cancelled"))
    st.progress(min(1.0, ended / total), text=_counts(state) + ("" if over else _eta(state)))
    with st.container(horizontal=True, key="batch_do"):
        if not over and st.button(t("batch.cancel"), icon=":material/stop_circle:"):
            with telling():
                api().post(f"/v1/batches/{name}/cancel")
                st.rerun(scope="fragment")
        if state.get("failed") and over and st.button(t("batch.retry"), icon=":material/replay:"):
            with telling():
                api().post(f"/v1/batches/{name}/retry")
                mine.put(batch_over=None)
                st.rerun()
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
    """The table: what is chosen by state and by name, a page at a time."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="batch_sift"):
        words = st.text_input(
            t("batch.name"), key="batch_words", placeholder=t("batch.name"), label_visibility="collapsed", width=260
        )
        chosen = st.pills(
            t("batch.filter"),
            [state for state in STATES if any(item["state"] == state for item in items)],
            format_func=lambda state: f"{t(f'batch.{state}')} · {sum(item['state'] == state for item in items)}",
            key="batch_filter",
            label_visibility="collapsed",
        )
    rows = [item for item in items if chosen in (None, item["state"]) and words.lower() in item["name"].lower()]
    if not rows:
        st.info(t("library.none"), icon=":material/filter_alt:")
        return
    pages = -(-len(rows) // SHOWN)
    place = st.container()
    page = min(pages, st.pagination(pages, key=f"batch_pages_{pages}")) if pages > 1 else 1
    with place:
        head = ("", t("batch.file"), t("batch.filter"), t("batch.says"))
        shown = rows[(page - 1) * SHOWN : page * SHOWN]
        several = {item["name"] for item in items if item["page"] > 1}
        picked = parts.results(head, [_row(item, paged=item["name"] in several) for item in shown], "batch_table")
    if picked:
        named = next((item["name"] for item in rows if str(item.get("result")) == picked), "")
        with telling():
            reopen(desk(), {"id": picked, "name": named})


def _row(item: Mapping[str, Any], *, paged: bool) -> dict[str, str]:
    """A row of the table. paged: the file has several pages, so that this one is told."""
    past = str(item.get("result") or "")
    data = image(api(), past) if past else b""
    mime = parts.mime_of(data)
    name = t("batch.page", name=item["name"], page=item["page"]) if paged else item["name"]
    row = {"name": name, "state": item["state"], "said": t(f"batch.{item['state']}"), "id": past}
    row["src"] = parts.address(data, mime, f"item-{past}") if mime else ""
    if problem := item.get("error"):
        row["text"] = sentence_of(Trouble("input", str(problem.get("detail") or ""), str(problem.get("hint") or "")))
    elif past:
        says = _summary(api(), past)
        row["text"] = says.get("title", "")
        row["note"] = " · ".join((t(f"kind.{says['kind']}"), t("history.nodes", count=says["nodes"]))) if says else ""
    return row


@st.cache_data(show_spinner=False, max_entries=1000, ttl=600)
def _summary(_client: Client, name: str) -> dict[str, Any]:
    """Title, kind and size of a past result; nothing where it is gone."""
    try:
        entry = _client.get(f"/v1/history/{name}")
    except Trouble:
        return {}
    return {key: entry[key] for key in ("title", "kind", "nodes")}


def _counts(state: Mapping[str, Any]) -> str:
    words = t("batch.counts", done=state.get("done") or 0, total=state.get("total") or 0)
    failed = t("batch.failures", failed=state["failed"]) if state.get("failed") else ""
    return " · ".join(part for part in (t(f"batch.{state['state']}"), words, failed) if part)


def _eta(state: Mapping[str, Any]) -> str:
    eta = state.get("eta")
    if not isinstance(eta, (int, float)):
        return ""
    far = eta > 100
    return " · " + (
        t("batch.eta_minutes", minutes=round(eta / 60)) if far else t("batch.eta", seconds=max(1, round(eta)))
    )
