"""What was found in a picture, shown: boxes and steps side by side, every form of it, and where it comes from."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import streamlit as st

from diagram.errors import InvalidDiagramError
from diagram.model import Diagram
from ui import parts, preview
from ui.client import Trouble
from ui.desk import Desk, Picture
from ui.tab import api, tell
from ui.words import engine_name, number, t, told

FILES = {
    "text": (".txt", "text/plain;charset=utf-8"),
    "table": (".md", "text/markdown;charset=utf-8"),
    "mermaid": (".mmd", "text/plain;charset=utf-8"),
    "bpmn": (".bpmn", "application/xml"),
    "json": (".json", "application/json"),
    "csv": (".csv", "text/csv;charset=utf-8"),
}


def show(found: dict[str, Any], picture: Picture, mine: Desk) -> None:
    """All of it."""
    for warning in found.get("warnings", ()):
        st.info(plain(told(str(warning))), icon=":material/info:")
    seen(found, picture, "found")
    forms(found, picture, mine)
    _origins(found)


def seen(found: dict[str, Any], picture: Picture, key: str, *, tells: bool = False) -> str | None:
    """The picture with boxes and arrows, and the steps beside it; the id just chosen where it tells."""
    image = found.get("image") or {}
    size = (int(image.get("width", 0)), int(image.get("height", 0)))
    numbers = {str(step["node"]): str(step["number"]) for step in found.get("steps", ())}
    boxes = [
        {
            "id": node["id"],
            "box": node["bbox"],
            "family": parts.family(node["type"]),
            "number": numbers.get(node["id"], ""),
            "label": f"{numbers.get(node['id'], '')} {node['text'] or t('type.' + node['type'])}".strip(),
        }
        for node in found.get("nodes", ())
        if node.get("bbox")
    ]
    arrows = [
        {"points": edge["points"], "kind": edge["kind"], "source": edge["source"], "target": edge["target"]}
        for edge in found.get("edges", ())
        if len(edge.get("points") or ()) > 1
    ]
    items = steps(found)
    data, shown = visible(picture, size)
    return parts.picture(
        data,
        shown,
        t("picture.of", name=picture.name),
        key,
        size=size,
        boxes=boxes,
        arrows=arrows,
        items=items,
        heading=t("steps.title"),
        count=t("steps.count", steps=len(items)) if items else "",
        tells=tells,
    )


def alone(picture: Picture, key: str) -> None:
    """The picture before anything was found in it, where browsers can show it."""
    if mime := parts.mime_of(picture.data):
        parts.picture(picture.data, mime, t("picture.of", name=picture.name), key)


@st.cache_data(show_spinner=False, max_entries=8)
def _made(data: bytes, page: int, size: tuple[int, int]) -> bytes:
    return preview.shown(data, page, *size)


def visible(picture: Picture, size: tuple[int, int]) -> tuple[bytes, str]:
    """What the browser shows of this upload and its media type; an empty sheet, and a word about it, if need be."""
    if mime := parts.mime_of(picture.data):
        return picture.data, mime
    if all(size) and (made := _made(picture.data, picture.page, size)):
        return made, "image/png"
    st.info(t("describe.unseen"), icon=":material/visibility_off:")
    return _blank(size), "image/svg+xml"


def steps(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps for the list beside the picture."""
    nodes = {node["id"]: node for node in found.get("nodes", ())}
    by_number = {str(step["number"]): str(step["node"]) for step in found.get("steps", ())}
    evidence = found.get("evidence") or {}
    items = []
    for step in found.get("steps", ()):
        node = nodes.get(step["node"], {})
        answers = [*step.get("branches", ()), *[""] * len(step.get("next", ()))]
        links = [
            {"id": by_number[number], "text": f"{answer} → {number}" if answer else f"→ {number}"}
            for number, answer in zip(step.get("next", ()), answers, strict=False)
            if number in by_number
        ]
        kind = node.get("type", "task")
        facts = [t(f"type.{kind}")]
        if node.get("confidence") is not None:
            facts.append(t("fact.sure", percent=round(100 * node["confidence"])))
        if step["node"] in evidence:
            facts.append(t(f"fact.{evidence[step['node']]}"))
        items.append(
            {
                "id": step["node"],
                "number": str(step["number"]),
                "text": step["text"] or t(f"type.{kind}"),
                "role": step.get("role", ""),
                "family": parts.family(kind),
                "links": links,
                "facts": " · ".join(facts),
            }
        )
    return items


def forms(found: dict[str, Any], picture: Picture, mine: Desk, key: str = "sheet") -> None:
    """The answer in each of its forms, to read, copy and download."""
    outputs = found.get("outputs") or {}
    stem = picture.name.rpartition(".")[0] or picture.name
    names = ("text", "table", "mermaid", "bpmn", "json", "csv")
    opened = st.tabs([t(f"form.{name}") for name in names])
    for name, tab in zip(names, opened, strict=True):
        suffix, mime = FILES[name]
        with tab:
            if name == "table":
                text = outputs.get("table", "")
                parts.sheet(
                    text,
                    stem + suffix,
                    f"{key}_table",
                    mime=mime,
                    head=[t("table.no"), t("table.step"), t("table.role"), t("table.next")],
                    rows=rows(found),
                )
            elif name == "json":
                parts.sheet(_json(found), stem + suffix, f"{key}_json", mime=mime, code=True)
            else:
                if name == "mermaid":
                    _drawn(outputs.get("mermaid", ""), mine, key)
                parts.sheet(outputs.get(name, ""), stem + suffix, f"{key}_{name}", mime=mime, code=name != "text")


def rows(found: dict[str, Any]) -> list[list[str]]:
    """«Step | Role»: number, step, role, what follows."""
    out = []
    for step in found.get("steps", ()):
        answers = [*step.get("branches", ()), *[""] * len(step.get("next", ()))]
        onward = [f"{a}: {n}" if a else str(n) for n, a in zip(step.get("next", ()), answers, strict=False)]
        out.append([str(step["number"]), step["text"], step.get("role", ""), "; ".join(onward)])
    return out


def as_csv(found: dict[str, Any]) -> str:
    """The steps as CSV; cells that a spreadsheet would run are quoted as text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([t("table.no"), t("table.step"), t("table.role"), t("table.next")])
    for row in rows(found):
        writer.writerow(["'" + cell if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell for cell in row])
    return out.getvalue()


def _drawn(source: str, mine: Desk, key: str) -> None:
    """The Mermaid rendered by the API; kept on the desk, for it does not change."""
    if not source:
        return
    kept = mine.get(f"{key}_rendered")
    if kept is None or kept[0] != source:
        try:
            kept = (source, api().draw("/v1/render", source=source, format="svg")["content"])
        except Trouble as trouble:
            tell(trouble)
            return
        mine.put(**{f"{key}_rendered": kept})
    parts.picture(kept[1].encode(), "image/svg+xml", t("form.mermaid.alt"), f"{key}_rendered", most=1.4)


def _origins(found: dict[str, Any]) -> None:
    """The similar examples, and what read the picture."""
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(t("similar.title"), anchor=False)
        examples = found.get("examples") or ()
        if not examples:
            st.caption(t("similar.none"))
        for example in examples:
            score = "" if example.get("score") is None else t("similar.score", percent=round(100 * example["score"]))
            with st.container(border=True):
                st.text(example.get("title") or example["id"])
                reason = told(str(example.get("reason") or ""))
                st.caption(" · ".join(part for part in (plain(reason), score) if part))
    with right:
        st.subheader(t("evidence.title"), anchor=False)
        sure = [node["confidence"] for node in found.get("nodes", ()) if node.get("confidence") is not None]
        counts = t(
            "evidence.counts",
            nodes=len(found.get("nodes", ())),
            edges=len(found.get("edges", ())),
            lanes=len(found.get("lanes", ())),
        )
        st.text(counts)
        if sure:
            weakest = sum(1 for value in sure if value < 0.6)
            st.text(t("evidence.sure", percent=round(100 * sum(sure) / len(sure)), weak=weakest))
        seconds = sum(float(v) for v in (found.get("timings") or {}).values())
        st.text(t("evidence.engine", engine=engine_name(found.get("engine", "")), seconds=number(seconds)))


def plain(text: str) -> str:
    """Text for where Streamlit reads Markdown: every mark is escaped."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-.!|~$:^=&" else c for c in text)


def graph(found: dict[str, Any]) -> Diagram | None:
    """The typed graph, where it is whole."""
    try:
        return Diagram.from_json(found)
    except InvalidDiagramError:
        return None


def _json(found: dict[str, Any]) -> str:
    kept = {key: value for key, value in found.items() if key not in ("outputs", "timings")}
    return json.dumps(kept, ensure_ascii=False, indent=2) + "\n"


def _blank(size: tuple[int, int]) -> bytes:
    width, height = size
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"/>'.encode()
