"""Read text: the lines of a picture with their boxes; JSON and CSV."""

from __future__ import annotations

import csv
import functools
import io
import json
from typing import Any

import streamlit as st

from ui import parts
from ui.client import Trouble
from ui.desk import Desk, Picture
from ui.outcome import plain, visible
from ui.tab import api, desk, field, head, tell
from ui.words import t, told


def show() -> None:
    """The page."""
    mine = desk()
    head("ocr")
    given: Picture | None = mine.get("ocr_picture")
    described: Picture | None = mine.get("picture")
    field("ocr", functools.partial(_take, mine), small=given is not None)
    if given is None and described is not None:
        label = t("ocr.same", name=plain(described.name))
        if st.button(label, icon=":material/match_case:"):
            _take(mine, described)
            st.rerun()
    if given is None:
        return
    if mine.get("ocr_found") is None:
        with st.spinner(t("stage.text")):
            try:
                fields = {"page": given.page}
                mine.put(ocr_found=api().send("/v1/ocr", {"file": (given.name, given.data)}, fields))
            except Trouble as trouble:
                tell(trouble)
                return
    _found(mine.get("ocr_found"), given)


def _take(mine: Desk, picture: Picture) -> None:
    mine.put(ocr_picture=picture, ocr_found=None)


def _found(found: dict[str, Any], given: Picture) -> None:
    for warning in found["warnings"]:
        st.info(plain(told(warning)), icon=":material/info:")
    image = found["image"]
    boxes, items = [], []
    for number, line in enumerate(found["lines"], 1):
        name = str(number)
        boxes.append({"id": name, "box": line["bbox"], "family": "line", "number": "", "label": line["text"]})
        sure = t("fact.sure", percent=round(100 * line["confidence"]))
        items.append({"id": name, "number": name, "text": line["text"], "family": "line", "facts": sure})
    parts.picture(
        *visible(given, (image["width"], image["height"])),
        t("picture.of", name=given.name),
        "ocr_seen",
        size=(image["width"], image["height"]),
        boxes=boxes,
        items=items,
        heading=t("ocr.lines"),
        count=t("steps.count", steps=len(items)) if items else "",
    )
    stem = given.name.rpartition(".")[0] or given.name
    text, as_json, as_csv = st.tabs([t("form.text"), t("form.json"), t("form.csv")])
    with text:
        parts.sheet(found["text"] + "\n", f"{stem}.txt", "ocr_text")
    with as_json:
        kept = {"text": found["text"], "language": found["language"], "lines": found["lines"]}
        parts.sheet(
            json.dumps(kept, ensure_ascii=False, indent=2) + "\n",
            f"{stem}.json",
            "ocr_json",
            mime="application/json",
            code=True,
        )
    with as_csv:
        parts.sheet(_csv(found["lines"]), f"{stem}.csv", "ocr_csv", mime="text/csv;charset=utf-8", code=True)


def _csv(lines: list[dict[str, Any]]) -> str:
    """One row per line; cells that a spreadsheet would run are quoted as text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((t("ocr.text"), "x0", "y0", "x1", "y1", t("ocr.sure")))
    for line in lines:
        text = line["text"]
        writer.writerow(("'" + text if text[:1] in "=+-@\t\r" else text, *line["bbox"], line["confidence"]))
    return out.getvalue()
