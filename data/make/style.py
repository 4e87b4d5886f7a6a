"""The looks: what a drawing tool lets its user set, and per family of looks a choice of it.

A `Style` is plain data. `LOOKS` maps a look's name to a function (random source → Style), so that two pictures of one
look differ as two users' pictures differ. Colours are CSS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal

Head = Literal["filled", "open", "hollow", "stealth", "none"]
LabelPlace = Literal["beside", "on", "chip"]


@dataclass(frozen=True)
class Style:
    """All that painting needs. Widths and sizes in pixels of the drawing before scaling."""

    font: str = "arial"
    size: float = 13
    ink: str = "#222222"  # text
    page: str = "#ffffff"
    stroke: str = "#333333"
    border: float = 1.5
    fill: str = "#ffffff"
    fills: dict[str, str] = field(default_factory=dict)  # node type -> fill
    strokes: dict[str, str] = field(default_factory=dict)  # node type -> border colour
    inks: dict[str, str] = field(default_factory=dict)  # node type -> text colour
    gradient: float = 0  # 0 none … 1: lighter top to darker bottom
    shadow: float = 0  # offset in pixels, 0 none
    soft: bool = True  # shadow blurred
    bevel: bool = False  # light upper and dark lower edge, as in old office drawings
    radius: float = 8
    line: str = "#333333"
    line_width: float = 1.3
    head: Head = "filled"
    head_size: float = 9
    bend: float = 0  # radius of the corners of orthogonal lines
    label_place: LabelPlace = "beside"
    label_page: str = "#ffffff"
    label_ink: str = ""
    label_size: float = 0  # 0: as the text
    band_stroke: str = "#444444"
    band_width: float = 1.2
    band_fill: str = "#ffffff"
    header_fill: str = "#ffffff"
    header_ink: str = ""
    header: float = 30  # width of a lane's header
    title: bool = False  # band with the title on top, and a frame
    title_fill: str = "#1f4e79"
    title_ink: str = "#ffffff"
    sketch: float = 0  # wobble in pixels
    event_stroke: dict[str, str] = field(default_factory=dict)
    event_fill: dict[str, str] = field(default_factory=dict)
    main_line: str = ""  # colour of thick main flows
    main_width: float = 0
    hops: float = 0  # radius of the little bridges where lines cross
    stripe: str = ""  # colour of a stripe at the left of activities
    lane_fills: tuple[str, ...] = ()  # fills of the lanes in turn
    phases: bool = False  # dashed upright lines between stages
    info_solid: bool = False  # associations as thin grey arrows
    grid: str = ""  # colour of a page grid, as in screenshots of editors
    icons: bool = True  # marks of task kinds
    xor_mark: bool = True
    outside: bool = False  # a decision's text beside the diamond
    terminator: Literal["stadium", "ellipse", "rounded"] = "stadium"
    task_width: float = 120
    task_height: float = 0
    pad: float = 10


def _pick(rng: Random, *choices: str) -> str:
    return rng.choice(choices)


def gost(rng: Random) -> Style:
    """Black on white block schemes, as ГОСТ 19.701 and lecture notes have them."""
    return Style(
        font=_pick(rng, "times", "arial", "times"), size=rng.choice([13, 14, 15]), ink="#000000", stroke="#000000",
        line="#000000", border=rng.choice([1, 1.4, 2]), line_width=rng.choice([1, 1.4]),
        head=rng.choice(["filled", "open", "stealth"]), head_size=rng.choice([8, 10]),
        radius=0, task_width=rng.choice([150, 180]), pad=9,
    )  # fmt: skip


def graphviz(rng: Random) -> Style:
    """Default Graphviz: Times, ellipses for ends, thin black lines."""
    tint = rng.choice(["#ffffff", "#ffffff", "#d3d3d3", "#add8e6", "#fffacd"])
    return Style(
        font=_pick(rng, "times", "times", "dejavu"), size=14, ink="#000000", stroke="#000000", border=1.2,
        line="#000000", line_width=1.2, head="filled", head_size=11, radius=0, fill=tint, terminator="ellipse",
        task_width=rng.choice([150, 200]), pad=11,
    )  # fmt: skip


def web_gradient(rng: Random) -> Style:
    """Small colourful flowcharts of web articles: gradients, shadows, coloured arrows."""
    hues = rng.choice(
        [
            ("#f9c74f", "#f3722c", "#90be6d", "#577590", "#4d908e"),
            ("#8ecae6", "#219ebc", "#ffb703", "#fb8500", "#2a9d8f"),
            ("#c5e0b4", "#70ad47", "#9dc3e6", "#4472c4", "#ed7d31"),
            ("#f4b6c2", "#d16ba5", "#b8c0ff", "#7371fc", "#5f0f40"),
        ]
    )
    line = rng.choice([hues[4], "#555555", "#c00000", "#4472c4"])
    return Style(
        font=_pick(rng, "calibri", "arial", "opensans", "roboto"), size=rng.choice([13, 14, 15]),
        stroke=hues[3], border=rng.choice([1, 1.5, 2]), fill=hues[0],
        fills={"decision": hues[2], "terminator": hues[1], "io": hues[2], "document": hues[0]},
        inks={"terminator": "#ffffff"} if rng.random() < 0.5 else {},
        gradient=rng.choice([0.25, 0.45, 0.6]), shadow=rng.choice([0, 3, 4]), soft=rng.random() < 0.6,
        bevel=rng.random() < 0.4, line=line, line_width=rng.choice([2, 3, 4]), head="filled",
        head_size=rng.choice([12, 15]), radius=rng.choice([4, 10]), label_place=rng.choice(["beside", "chip"]),
        task_width=rng.choice([120, 150]),
    )  # fmt: skip


def visio(rng: Random) -> Style:
    """Visio's basic flowchart: pale blue, thin dark blue lines, text over the line."""
    blue = rng.choice(["#4f81bd", "#2f5597", "#41719c"])
    if rng.random() < 0.5:
        return Style(
            font=_pick(rng, "calibri", "arial"), size=rng.choice([12, 13]), ink=rng.choice(["#1f3864", "#ffffff"]),
            stroke="#2f528f", border=1, fill=blue, line=blue, line_width=1.2, head="filled", head_size=8, radius=0,
            gradient=rng.choice([0, 0.2]), label_place="on", label_ink="#1f3864", header_fill="#dce6f2",
            header_ink="#1f3864", shadow=3 if rng.random() < 0.5 else 0,
        )  # fmt: skip
    return Style(
        font="calibri", size=13, ink="#000000", stroke="#404040", border=1, fill="#e8eef7", line="#404040",
        line_width=1, head="filled", head_size=9, radius=0, label_place="on", header_fill="#e8eef7",
        hops=rng.choice([0, 4]), shadow=rng.choice([0, 2]), soft=False,
    )  # fmt: skip


def drawio(rng: Random) -> Style:
    """draw.io's default and its pastel palette."""
    colour = rng.random() < 0.65
    pastel = {
        "process": "#dae8fc", "task": "#dae8fc", "decision": "#fff2cc", "terminator": "#d5e8d4", "io": "#f8cecc",
        "document": "#e1d5e7", "predefined_process": "#ffe6cc",
    }  # fmt: skip
    border = {
        "process": "#6c8ebf", "task": "#6c8ebf", "decision": "#d6b656", "terminator": "#82b366", "io": "#b85450",
        "document": "#9673a6", "predefined_process": "#d79b00",
    }  # fmt: skip
    return Style(
        font="arial", size=12, ink="#000000", stroke="#000000", border=1, fills=pastel if colour else {},
        strokes=border if colour else {}, line="#000000", line_width=1, head="stealth", head_size=8,
        bend=rng.choice([0, 8]), radius=rng.choice([0, 9]), label_place="on",
        grid=rng.choice(["", "#e6e6e6"]), header_fill=rng.choice(["#ffffff", "#f5f5f5"]), label_size=11,
        hops=rng.choice([0, 0, 5]),
    )  # fmt: skip


def yed(rng: Random) -> Style:
    """yEd: yellow boxes with a gradient and a shadow, thin black lines."""
    fill = rng.choice(["#ffcc00", "#e8eef7", "#ccffcc", "#ffcc99"])
    return Style(
        font=_pick(rng, "dejavu", "arial"), size=12, ink="#000000", stroke="#000000", border=1, fill=fill,
        gradient=rng.choice([0.15, 0.4]), shadow=rng.choice([0, 3, 5]), soft=False, line="#000000", line_width=1,
        head=rng.choice(["filled", "stealth", "open"]), head_size=9, radius=4, label_place=rng.choice(["beside", "on"]),
        hops=rng.choice([0, 5]),
    )  # fmt: skip


def sketch(rng: Random) -> Style:
    """Excalidraw and rough.js: handwriting and wobbly double strokes."""
    colour = rng.choice(["#1e1e1e", "#1971c2", "#2f9e44", "#e03131"])
    tint = rng.choice(["#ffffff", "#a5d8ff", "#ffec99", "#b2f2bb"])
    return Style(
        font=_pick(rng, "neucha", "pangolin", "shantell", "balsamiq", "caveat"), size=rng.choice([16, 18]),
        ink=rng.choice(["#1e1e1e", colour]), stroke=colour, border=rng.choice([1.2, 1.8]), fill=tint,
        fills={"decision": rng.choice(["#ffffff", "#ffc9c9", "#ffec99"])}, line="#1e1e1e", line_width=1.5,
        head="open", head_size=12, radius=10, sketch=rng.choice([1.2, 1.8, 2.4]),
        label_place=rng.choice(["beside", "on"]), task_width=150,
    )  # fmt: skip


def dark(rng: Random) -> Style:
    """White on near-black, labels on chips."""
    page = rng.choice(["#0d1117", "#1e1e1e", "#1f2020", "#111827", "#000000"])
    fill = rng.choice(["#1f2020", "#21262d", "#2d2d2d", "#1f2937"])
    line = rng.choice(["#d3d3d3", "#8b949e", "#cccccc", "#60a5fa"])
    return Style(
        font=_pick(rng, "arial", "roboto", "opensans", "dejavu"), size=14, ink="#e6edf3", page=page,
        stroke=rng.choice(["#cccccc", "#81b1db", "#58a6ff"]), border=rng.choice([1, 1.5]), fill=fill, line=line,
        line_width=rng.choice([1.3, 2]), head="filled", head_size=10, radius=rng.choice([0, 5]),
        label_place=rng.choice(["chip", "on"]), label_page=rng.choice(["#585858", "#30363d", "#374151"]),
        band_stroke="#8b949e", band_fill=page, header_fill="#21262d", header_ink="#e6edf3",
        event_fill={"start_event": fill, "end_event": fill}, task_width=140,
    )  # fmt: skip


def uml(rng: Random) -> Style:
    """UML activity diagrams of PlantUML, StarUML and Enterprise Architect."""
    kind = rng.choice(["plantuml", "plantuml-old", "star", "ea"])
    base = Style(
        font=_pick(rng, "dejavu", "arial"), size=12, ink="#000000", stroke="#181818", border=1, fill="#f1f1f1",
        line="#181818", line_width=1, head="filled", head_size=9, radius=12, outside=rng.random() < 0.7, task_width=150,
    )  # fmt: skip
    if kind == "plantuml-old":
        return replace(base, fill="#fefece", stroke="#a80036", line="#a80036", border=1.5, shadow=4)
    if kind == "star":
        return replace(base, fill="#ffffff", head="open", font="arial", radius=14)
    if kind == "ea":
        return replace(base, fill="#f5deb3", gradient=0.3, shadow=3, head="open", stroke="#8a6d3b", line="#4a4a4a")
    return base


def bpmn_io(rng: Random) -> Style:
    """bpmn.io and Camunda Modeler."""
    colour = rng.random() < 0.3
    return Style(
        font="arial", size=12, ink="#22242a", stroke="#22242a", border=2, line="#22242a", line_width=1.8,
        head="filled", head_size=9, bend=5, radius=10, band_stroke="#22242a", band_width=1.5, header=30,
        task_width=100, task_height=80, label_size=11,
        fills={"task": "#bbdefb", "gateway_exclusive": "#ffe0b2"} if colour else {},
        strokes={"task": "#0d4372", "gateway_exclusive": "#6b3c00"} if colour else {},
    )  # fmt: skip


def bizagi(rng: Random) -> Style:
    """Bizagi Modeler: gradients, shadows, green and red events."""
    return Style(
        font=_pick(rng, "arial", "opensans"), size=11.5, ink="#000000", stroke="#03689a", border=1.3, fill="#ecefff",
        gradient=rng.choice([0.1, 0.2]), shadow=rng.choice([2, 3]), line="#000000", line_width=1, head="filled",
        head_size=8, radius=8, band_stroke="#3a3a3a", band_width=1, header_fill="#ffffff", task_width=95,
        task_height=62,
        fills={"gateway_exclusive": "#ffffcc", "gateway_parallel": "#ffffcc", "gateway_inclusive": "#ffffcc",
               "gateway_event": "#ffffcc", "data_object": "#f0f0f0", "annotation": "none"},
        strokes={"gateway_exclusive": "#a6a61d", "gateway_parallel": "#a6a61d", "gateway_inclusive": "#a6a61d",
                 "gateway_event": "#a6a61d", "data_object": "#666666"},
        event_stroke={"start_event": "#62a716", "end_event": "#990000", "intermediate_event": "#916d13"},
        event_fill={"start_event": "#e6ff97", "end_event": "#eeaaaa", "intermediate_event": "#feffbf"},
        xor_mark=rng.random() < 0.5,
    )  # fmt: skip


def corporate(rng: Random) -> Style:
    """Russian corporate suites: title band, frame, coloured fills, thick main flows beside thin grey ones."""
    main = rng.choice(["#0070c0", "#00875a", "#c55a11", "#7030a0", "#1f4e79"])
    tint = rng.choice(["#deebf7", "#e2f0d9", "#fff2cc", "#fbe5d6", "#ffffff"])
    header = rng.choice([("#f2f2f2", ""), (tint, ""), ("#d9e2f3", ""), (main, "#ffffff")])
    return Style(
        font=_pick(rng, "arial", "calibri", "ptsans", "roboto"), size=12, ink="#1a1a1a", stroke=main,
        border=rng.choice([1, 1.5, 2]), fill=tint, line="#7f7f7f", line_width=1, head="filled", head_size=9,
        radius=rng.choice([0, 4, 10]), main_line=main, main_width=rng.choice([2.2, 3, 3.5]), title=True,
        title_fill=rng.choice([main, "#f2f2f2", "#d9d9d9"]),
        title_ink="#ffffff", header=rng.choice([48, 60]),
        band_stroke=rng.choice(["#7f7f7f", "#a6a6a6", main]), task_width=rng.choice([118, 130]), task_height=64,
        label_place=rng.choice(["beside", "on"]), label_size=11, gradient=rng.choice([0, 0, 0.15]),
        event_stroke={"start_event": "#00a651", "end_event": "#c00000"} if rng.random() < 0.6 else {},
        event_fill={"start_event": "#c6efce", "end_event": "#ffc7ce"} if rng.random() < 0.4 else {},
        icons=rng.random() < 0.4, xor_mark=rng.random() < 0.6, phases=rng.random() < 0.5,
        info_solid=rng.random() < 0.5, stripe=rng.choice(["", "", main, "#ffc000"]),
        lane_fills=rng.choice([(), (), ("#ffffff", "#f7f7f7"), ("#fdf6ec", "#eef5fb", "#f2f8ee")]),
        header_fill=header[0], header_ink=header[1],
    )  # fmt: skip


def plain_bpmn(rng: Random) -> Style:
    """BPMN drawn with a general editor: black on white, thin lines, serif now and then."""
    return Style(
        font=_pick(rng, "arial", "dejavu", "times", "roboto"), size=12, ink="#000000", stroke="#000000",
        border=rng.choice([1, 1.4]), line="#000000", line_width=1, head=rng.choice(["filled", "stealth", "open"]),
        head_size=8, radius=rng.choice([0, 6, 10]), header=rng.choice([26, 36]), icons=False,
        xor_mark=rng.random() < 0.5, task_width=110, task_height=60,
    )  # fmt: skip


LOOKS: dict[str, Callable[[Random], Style]] = {
    "gost": gost, "graphviz": graphviz, "web": web_gradient, "visio": visio, "drawio": drawio, "yed": yed,
    "sketch": sketch, "dark": dark, "uml": uml, "bpmnio": bpmn_io, "bizagi": bizagi, "corporate": corporate,
    "plain": plain_bpmn,
}  # fmt: skip
