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
from ui.words import engine_name, number, t, told

GIB: Final = 2**30
BITS: Final = {"nf4": 4.5, "int4": 4.5, "int8": 8.5, "bf16": 16.0, "fp16": 16.0}
"""Bits that a weight takes."""

WORK: Final = 1.5
"""GiB beside the weights: activations and what a picture needs."""

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
        memory = t("service.gib", used=number(now["memory_used_gb"]), total=number(now["memory_total_gb"]))
        pace = t("service.pace", seconds=number(now["seconds_per_request"]))
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
    for place, card in enumerate(cards):
        past = [s["gpus"][place] for s in samples if len(s.get("gpus") or ()) > place]
        used = [float(one.get("memory_used_gb") or 0) for one in past]
        total = float(card.get("memory_total_gb") or 0)
        note = t("service.gib", used=number(used[-1]), total=number(total))
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
        samples = meter().look()
        for row in rows:
            _model(row, samples[-1] if samples else {})


def _model(row: Mapping[str, Any], load: Mapping[str, Any]) -> None:
    state = str(row.get("state") or "absent")
    with st.container(border=True, key=f"model_{row['id']}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(width="stretch", gap=None):
                st.markdown(f"**{plain(str(row['name']))}** · {t(f'state.{state}')}")
                st.caption(plain(" · ".join(_facts(row, load))))
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
            gib = t("service.gib", used=number(row["done"] / GIB), total=number(row["total"] / GIB))
            st.progress(share, text=gib)
        if state == "failed" and row.get("why"):
            st.caption(t("service.why"))
            st.code(str(row["why"]), language=None, wrap_lines=True)


def _act(word: str, path: str, icon: str, name: str) -> None:
    if st.button(t(f"service.{word}"), key=f"{word}_{name}", icon=icon):
        with telling():
            api().post(path)
            st.rerun(scope="fragment")


def _facts(row: Mapping[str, Any], load: Mapping[str, Any]) -> list[str]:
    """Licence, size, and the memory it needs (measured, or what its weights take) against what is there."""
    facts = [str(row.get("licence") or "?")]
    if row.get("commercial") is False:
        facts.append(t("service.noncommercial"))
    if row.get("parameters"):
        facts.append(t("service.size", billions=number(row["parameters"], 2)))
    card = max((float(one.get("memory_total_gb") or 0) for one in load.get("gpus") or ()), default=0.0)
    if row.get("vram_gib"):
        need = float(row["vram_gib"])
        facts.append(t("service.vram", gib=number(need)))
    else:
        bits = BITS.get((row.get("precisions") or ["bf16"])[0], 16.0) if card else 16.0  # 4 bit needs a card
        need = float(row.get("parameters") or 0) * 1e9 * bits / 8 / GIB
        if need:
            facts.append(t("service.weights", gib=number(need)))
    if row.get("run") == "server":
        facts.append(t("service.server"))
    elif need and (room := card or float(load.get("memory_total_gb") or 0)):
        fits = "fits" if need + WORK < room else "over"
        facts.append(t(f"service.{fits}_{'card' if card else 'memory'}", gib=number(room)))
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
