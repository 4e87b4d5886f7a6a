"""Correct: steps, roles and flows in grids; picture, text and every form follow; kept as a training example."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from diagram.errors import InvalidDiagramError
from diagram.kinds import EDGE_KINDS, NODE_TYPES
from diagram.model import Diagram
from diagram.narrate import narrate, table
from ui import outcome, parts
from ui.client import Trouble
from ui.desk import Desk, Picture
from ui.outcome import plain
from ui.tab import api, desk, head, tell, telling
from ui.views import describe
from ui.words import t

Row = dict[str, str]


def show() -> None:
    """The page."""
    mine = desk()
    head("correct")
    found, picture = mine.get("found"), mine.get("picture")
    errand = st.session_state.get("describing")
    if errand is not None:
        describe.progress(errand)
        return
    if not found or picture is None:
        st.info(t("correct.nothing"), icon=":material/account_tree:")
        st.page_link(st.session_state["pages"]["describe"], label=t("correct.go"), icon=":material/arrow_forward:")
        return
    serial = int(mine.get("correct_serial", 1))
    seen, forms = st.container(), st.container()
    with forms:
        steps, flows = _grids(mine, found, serial)
    edited = _edited(mine, found, steps, flows)
    with seen:
        outcome.seen(edited, picture, "corrected")
    _keep(mine, edited, picture)
    st.subheader(t("correct.result"), anchor=False)
    outcome.forms(_written(mine, edited), picture, mine, key="corrected")


def _grids(mine: Desk, found: Mapping[str, Any], serial: int) -> tuple[list[Row], list[Row]]:
    """The grids, and what stands in them now."""
    now = mine.get("edited") or found
    names = paths(found)
    steps_tab, flows_tab = st.tabs([t("correct.steps"), t("correct.flows")])
    with steps_tab:
        steps = parts.grid(
            [
                {"name": "no", "label": t("table.no"), "kind": "fixed", "width": "3.2rem"},
                {"name": "text", "label": t("table.step"), "kind": "text"},
                {
                    "name": "type",
                    "label": t("correct.type"),
                    "kind": "choice",
                    "width": "13rem",
                    "options": [[name, t(f"type.{name}")] for name in NODE_TYPES],
                },
                {
                    "name": "role",
                    "label": t("table.role"),
                    "kind": "text",
                    "width": "13rem",
                    "list": list(names.values()),
                },
            ],
            step_rows(now),
            "steps_grid",
            label=t("correct.steps"),
            serial=serial,
        )
    ends = [[row["id"], f"{row.get('no', '')} {row['text'] or t('type.' + row['type'])}".strip()[:60]] for row in steps]
    ends += [[lane, name] for lane, name in names.items()]
    with flows_tab:
        flows = parts.grid(
            [
                {"name": "source", "label": t("correct.from"), "kind": "choice", "options": ends},
                {"name": "target", "label": t("correct.to"), "kind": "choice", "options": ends},
                {"name": "text", "label": t("correct.label"), "kind": "text", "width": "11rem"},
                {
                    "name": "kind",
                    "label": t("correct.kind"),
                    "kind": "choice",
                    "width": "11rem",
                    "options": [[name, t(f"flow.{name}")] for name in EDGE_KINDS],
                },
            ],
            [{name: str(edge[name]) for name in ("id", "source", "target", "text", "kind")} for edge in now["edges"]],
            "flows_grid",
            label=t("correct.flows"),
            serial=serial,
        )
    return steps, flows


def paths(found: Mapping[str, Any]) -> dict[str, str]:
    """The roles by lane: "Pool / Lane"."""
    lanes = {lane["id"]: lane for lane in found["lanes"]}

    def path(lane: Mapping[str, Any], seen: frozenset[str] = frozenset()) -> str:
        parent = lanes.get(lane.get("parent") or "")
        above = path(parent, seen | {lane["id"]}) if parent and parent["id"] not in seen else ""
        return " / ".join(part for part in (above, lane["name"]) if part)

    return {name: path(lane) for name, lane in lanes.items()}


def step_rows(found: Mapping[str, Any]) -> list[Row]:
    """The rows of the grid of steps, in the order they are told."""
    numbers = {step["node"]: str(step["number"]) for step in found.get("steps", ())}
    order = {node: place for place, node in enumerate(numbers)}
    names = paths(found)
    nodes = sorted(found["nodes"], key=lambda node: order.get(node["id"], len(order)))
    return [
        {
            "id": node["id"],
            "no": numbers.get(node["id"], ""),
            "text": node["text"],
            "type": node["type"],
            "role": names.get(node.get("lane") or "", ""),
        }
        for node in nodes
    ]


def corrected(found: Mapping[str, Any], steps: Sequence[Row], flows: Sequence[Row]) -> Diagram:
    """The graph that the grids say. What was read and not changed (places, confidence, triggers) stays.

    Raises:
        InvalidDiagramError: they say no graph.
    """
    lanes = [dict(lane) for lane in found["lanes"]]
    by_path = {path: lane for lane, path in paths(found).items()}
    old = {node["id"]: node for node in found["nodes"]}
    drawn = {edge["id"]: edge for edge in found["edges"]}
    kept = {row["id"] for row in steps}
    nodes = []
    for row in steps:
        role = row.get("role", "").strip()
        if role and role not in by_path:
            by_path[role] = f"role-{len(lanes) + 1}"
            lanes.append({"id": by_path[role], "name": role, "parent": None, "bbox": None})
        node = dict(old.get(row["id"], {"id": row["id"]}))
        if (node.get("type"), node.get("text")) != (row["type"], row["text"]):
            node["confidence"] = None  # a person's word is not measured
        node |= {"type": row["type"], "text": row["text"], "lane": by_path.get(role) if role else None}
        for link in ("parent", "attached_to"):
            if node.get(link) not in kept:
                node.pop(link, None)
        nodes.append(node)
    ends = kept | {lane["id"] for lane in lanes}
    edges = []
    for row in flows:
        if row.get("source") not in ends or row.get("target") not in ends:
            continue  # its step was removed
        edge = dict(drawn.get(row["id"], {"id": row["id"], "points": []}))
        if (edge.get("source"), edge.get("target")) != (row["source"], row["target"]):
            edge |= {"points": [], "confidence": None}
        edges.append(edge | {name: row[name] for name in ("source", "target", "text", "kind")})
    whole = {"kind": found["kind"], "language": found["language"], "nodes": nodes, "edges": edges, "lanes": lanes}
    return Diagram.from_json(whole)


def _edited(mine: Desk, found: dict[str, Any], steps: list[Row], flows: list[Row]) -> dict[str, Any]:
    """What was found, as corrected; the last that made sense where the grids do not."""
    try:
        graph = corrected(found, steps, flows)
    except InvalidDiagramError:
        st.warning(t("correct.senseless"), icon=":material/error:")
        kept: dict[str, Any] = mine.get("edited") or found
        return kept
    told = narrate(graph)
    edited = {
        **found,
        **graph.to_json(),
        "title": told.title,
        "text": told.text,
        "steps": [
            {**dataclasses.asdict(step), "next": list(step.next), "branches": list(step.branches)}
            for step in told.steps
        ],
    }
    mine.put(edited=edited)
    return edited


def _written(mine: Desk, edited: dict[str, Any]) -> dict[str, Any]:
    """With every form written anew; Mermaid and BPMN by the API."""
    graph = Diagram.from_json(edited)
    text = json.dumps(graph.to_json(), ensure_ascii=False)
    made = mine.get("corrected_outputs")
    if made is None or made[0] != text:
        outputs = {"text": f"{edited['title']}\n\n{edited['text']}\n", "table": table(graph) + "\n"}
        try:
            for name, to in (("mermaid", "mmd"), ("bpmn", "bpmn")):
                outputs[name] = api().post("/v1/convert", text=text, to=to)["content"]
        except Trouble as trouble:
            tell(trouble)
        made = (text, outputs)
        mine.put(corrected_outputs=made)
    return {**edited, "outputs": {**made[1], "csv": outcome.as_csv(edited)}}


def _keep(mine: Desk, edited: dict[str, Any], picture: Picture) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="keep"):
        title = st.text_input(t("correct.name"), edited.get("title", ""), max_chars=200)
        save = st.button(t("correct.save"), type="primary", icon=":material/bookmark_add:")
        undo = st.button(t("correct.undo"), icon=":material/undo:")
    if undo:
        mine.put(edited=None, correct_serial=int(mine.get("correct_serial", 1)) + 1)
        st.rerun()
    if save:
        with telling():
            fields = {"graph": json.dumps(edited, ensure_ascii=False), "title": title}
            kept = api().send("/v1/examples", {"file": (picture.name, picture.data)}, fields)
            st.success(t("correct.saved", name=plain(kept.get("title") or kept["id"])), icon=":material/check_circle:")
