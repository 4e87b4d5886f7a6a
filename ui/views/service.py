"""Models and load: what can read here, how busy the machine was over the last minutes, and what is not as it should."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from ui import parts
from ui.client import Trouble
from ui.meter import KEPT, Meter
from ui.outcome import plain
from ui.tab import api, head, telling
from ui.words import engine_name, t, told

GIB: Final = 2**30
BITS: Final = {"nf4": 4.5, "int4": 4.5, "int8": 8.5, "bf16": 16.0, "fp16": 16.0}
"""Bits that a weight takes."""

ICONS: Final = {"ok": ":material/check_circle:", "missing": ":material/error:", "note": ":material/info:"}


def show() -> None:
    """The page."""
    head("service")
    _load()
    st.subheader(t("service.models"), anchor=False)
    _models()
    _doctor()


@st.cache_resource(show_spinner=False)
def meter() -> Meter:
    """One meter for all tabs."""
    return Meter(api())


@st.fragment(run_every=2)
def _load() -> None:
    samples = meter().look()
    with telling():
        if meter().trouble is not None and not samples:
            raise meter().trouble or Trouble("unreachable")
        now = samples[-1]
        busy = t("service.workers", busy=now["busy"], workers=now["workers"])
        memory = t("service.gib", used=f"{now['memory_used_gb']:.1f}", total=f"{now['memory_total_gb']:.1f}")
        pace = t("service.pace", seconds=f"{now['seconds_per_request']:.1f}")
        plots = [
            _plot("service.cpu", [s["cpu_percent"] for s in samples], f"{now['cpu_percent']:.0f} %", "", 100),
            _plot(
                "service.memory", [s["memory_percent"] for s in samples], f"{now['memory_percent']:.0f} %", memory, 100
            ),
            _plot(
                "service.queue", [s["waiting"] + s["busy"] for s in samples], str(now["waiting"]), f"{busy} · {pace}", 0
            ),
            *_gpus(samples),
        ]
        parts.plots(plots, KEPT, "load_plots")


def _plot(key: str, values: list[float], now: str, note: str, most: float) -> dict[str, Any]:
    return {"title": t(key), "values": values, "now": now, "note": note, "most": most}


def _gpus(samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A plot for each graphics card that the API tells of; a sentence where there is none."""
    cards = samples[-1].get("gpus") or []
    plots = []
    for number, card in enumerate(cards):
        past = [s["gpus"][number] for s in samples if len(s.get("gpus") or ()) > number]
        used = [float(one.get("memory_used_gb") or 0) for one in past]
        total = float(card.get("memory_total_gb") or 0)
        note = t("service.gib", used=f"{used[-1]:.1f}", total=f"{total:.1f}")
        plots.append(
            {"title": str(card.get("name") or t("service.gpu")), "values": used, "now": note, "note": "", "most": total}
        )
    return plots or [{"title": t("service.gpu"), "values": [], "now": t("service.no_gpu"), "note": "", "most": 0}]


@st.fragment(run_every=3)
def _models() -> None:
    with telling():
        known = api().get("/models")
        rows = known.get("models") or []
        if not rows:
            names = ", ".join(engine_name(str(name)) for name in known.get("engines", ()) if name != "auto")
            st.text(t("service.engines", names=names))
            return
        for row in rows:
            _model(row)


def _model(row: Mapping[str, Any]) -> None:
    state = str(row.get("state") or "absent")
    with st.container(border=True, key=f"model_{row['id']}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(width="stretch", gap=None):
                st.markdown(f"**{plain(str(row['name']))}** · {t(f'state.{state}')}")
                st.caption(plain(" · ".join(_facts(row))))
            name = row["id"]
            if state in ("absent", "failed") and row.get("run") == "native":
                _act("download", f"/models/{name}/download", ":material/download:", name)
            if state == "here":
                _act("load", f"/models/{name}/load", ":material/memory:", name)
            if state == "ready" and st.button(t("service.unload"), key=f"unload_{name}", icon=":material/eject:"):
                with telling():
                    api().delete(f"/models/{name}")
        if state == "downloading" and row.get("total"):
            share = min(1.0, row["done"] / row["total"])
            gib = t("service.gib", used=f"{row['done'] / GIB:.1f}", total=f"{row['total'] / GIB:.1f}")
            st.progress(share, text=gib)
        if state == "failed" and row.get("why"):
            st.caption(t("service.why"))
            st.code(str(row["why"]), language=None, wrap_lines=True)


def _act(word: str, path: str, icon: str, name: str) -> None:
    if st.button(t(f"service.{word}"), key=f"{word}_{name}", icon=icon):
        with telling():
            api().post(path)
            st.rerun(scope="fragment")


def _facts(row: Mapping[str, Any]) -> list[str]:
    """Licence, size and the memory it needs; measured where that is known, else what the weights alone take."""
    facts = [str(row.get("licence") or "?")]
    if row.get("commercial") is False:
        facts.append(t("service.noncommercial"))
    if row.get("parameters"):
        facts.append(t("service.size", billions=f"{row['parameters']:g}"))
    if row.get("vram_gib"):
        facts.append(t("service.vram", gib=f"{row['vram_gib']:g}"))
    elif row.get("parameters"):
        first = (row.get("precisions") or ["bf16"])[0]
        facts.append(t("service.weights", gib=f"{row['parameters'] * 1e9 * BITS.get(first, 16.0) / 8 / GIB:.1f}"))
    if row.get("run") == "server":
        facts.append(t("service.server"))
    return facts


def _doctor() -> None:
    st.subheader(t("service.doctor"), anchor=False)
    with telling():
        try:
            state = api().get("/ready")
        except Trouble as trouble:
            if trouble.status != 503:
                raise
            st.warning(t("service.not_ready"), icon=":material/hourglass_top:")
            return
        readers, index = state["readers"], state["index"]
        ok = ":material/check_circle:"
        with st.container(border=True, gap="xsmall"):
            st.markdown(f"{ok} {t('doctor.readers', ready=readers['ready'], workers=readers['workers'])}")
            if index.get("built"):
                st.markdown(f"{ok} {t('library.built', count=index.get('examples') or '?')}")
            else:
                st.markdown(f":material/info: {t('library.unbuilt')}")
            disk = f"{state['disk_free_gb']:.0f}"
            st.markdown(f"{ok} {t('doctor.disk', gib=disk)}")
            st.markdown(f"{ok} {t('doctor.uptime', minutes=int(state['uptime'] // 60))}")
    _findings()


def _findings() -> None:
    """What `diascribe doctor` says of the machine, and the commands that mend it."""
    with telling():
        rows = api().get("/doctor")["findings"]
        missing = [row for row in rows if row["state"] == "missing"]
        text = t("doctor.missing", count=len(missing)) if missing else t("doctor.whole")
        with st.expander(text, expanded=bool(missing), icon=":material/stethoscope:", key="findings"):
            for row in sorted(rows, key=lambda row: row["state"] != "missing"):
                st.markdown(f"{ICONS[row['state']]} {plain(told(row['text']))}")
                if row["mend"]:
                    st.code(row["mend"], language=None, wrap_lines=True)
