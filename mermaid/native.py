"""The native renderer's worker: merman lays out and draws SVG, resvg makes PNG, typst makes vector PDF.

Runs as `python -m mermaid.native` under `pool`, within a limit of address space, and answers
`{"format", "scale", "background", "theme"}` + source with a sanitised picture. No browser, no network. Knows nothing of
graphs or of the other renderer.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from mermaid import glyphs, measure, routes
from mermaid.centring import centre
from mermaid.entities import hidden, shown
from mermaid.sanitize import UnsafeSvgError, picture_size, sanitize
from mermaid.worker import Answer, Task, TaskError, limit, serve

ADDRESS_SPACE: Final = 700_000_000
MAX_PIXELS: Final = 40_000_000
"""Pixels of a PNG; a larger picture gets a smaller scale, and the answer says so."""
MAX_TEXT: Final = 500_000
"""Characters of a source; Mermaid's own limit is 50,000."""
THEMES: Final = ("default", "base", "dark", "forest", "neutral", "neo", "neo-dark", "redux", "redux-dark")
DARK: Final = frozenset({"dark", "neo-dark", "redux-dark"})
_FONTS: Final = f'"{measure.FAMILY}", "Segoe UI", Arial, sans-serif'
_HALO: Final = (
    ".edgeLabel text{paint-order:stroke;stroke:#ffffff;stroke-width:6px;stroke-linejoin:round}"
    "#diagram .edgeLabel rect{opacity:1}"
)
"""Keeps lines out of the labels on them, in every layout."""
_FLOWCHART: Final = re.compile(r"(?m)^\s*(?:flowchart|graph|swimlane)\b")
_LINED: Final = re.compile(r'flowchart|swimlane|aria-roledescription="(?:stateDiagram|er)"')
"""Diagrams whose labels stand on lines."""
_MARKER: Final = re.compile(r'<marker id="([^"]+)".*?</marker>', re.DOTALL)
_NEXT_WORD: Final = '</tspan><tspan font-style="normal" class="text-inner-tspan" font-weight="normal">'
"""Between two words of one line, each in an element of its own for no reason."""
_DOTTED: Final = re.compile(r"\.([A-Za-z_][\w-]*)")
_QUOTED: Final = re.compile(r'\[[\w-]+="([^"]*)"\]')
_RULE: Final = re.compile(r"([^{}@]+)\{[^{}]*\}")
_KEYFRAMES: Final = re.compile(r"@(?:-webkit-)?keyframes[^{]*\{(?:[^{}]*\{[^{}]*\})*\s*\}")


def main(task: Task | None = None) -> None:
    """Serve until the input ends. task: what answers, in place of `render`."""
    with contextlib.suppress(TaskError):  # said again, and answered, at the first call
        _engine("", "parity")
        measure.width("x", 14)
    limit("address", ADDRESS_SPACE)
    serve(task or render)


def render(request: Mapping[str, Any], body: bytes) -> Answer:
    """One picture."""
    source = body.decode("utf-8", "replace")
    if len(source) > MAX_TEXT:
        raise TaskError("too-large", f"the Mermaid source has {len(source)} characters, {MAX_TEXT} are allowed")
    return finished(prune(draw(source, theme=request.get("theme") or "")), request, change=_mend)


def _mend(root: ET.Element) -> None:
    routes.mend(root)
    centre(root)


def finished(svg: str, request: Mapping[str, Any], *, change: Callable[[ET.Element], None] | None = None) -> Answer:
    """The picture that is asked for, of an SVG. change: see `sanitize`."""
    wanted = request.get("format", "svg")
    try:
        svg = sanitize(svg, title=request.get("title", ""), description=request.get("description", ""), change=change)
        wide, high = picture_size(svg)
    except UnsafeSvgError as error:
        raise TaskError("unsafe", str(error)) from error
    background = request.get("background") or "white"
    if wanted == "svg":
        return {}, svg.encode()
    if wanted == "png":
        scale = float(request.get("scale", 2.0))
        fitted = min(scale, math.sqrt(MAX_PIXELS / max(1.0, wide * high)))
        said = {"scale": fitted, "limited": fitted < scale, "lacking": glyphs.lacking(svg)}
        return said, png(svg, round(wide * fitted), background)
    return {"lacking": glyphs.lacking(svg)}, pdf(svg, wide, high, background)


def draw(source: str, *, theme: str = "") -> str:
    """The SVG of a Mermaid source, free of `foreignObject` so that any viewer and resvg can show it."""
    import merman

    flowchart = bool(_FLOWCHART.search(source))
    if flowchart:
        source = hidden(source)
    try:
        svg = str(_engine(theme, "parity").render_svg(source, None))
        if "<foreignObject" in svg:
            svg = str(_engine(theme, "resvg-safe").render_svg(source, None))
    except merman.MermanError as error:
        raise TaskError("unsupported", _reason(error)) from error
    if flowchart:
        svg = shown(svg)
    if theme not in DARK and _LINED.search(svg[:2000]):
        svg = svg.replace("</style>", _HALO + "</style>", 1)
    return svg


def prune(svg: str) -> str:
    """The SVG without what nothing needs: style rules and markers that match nothing, an element for every word."""
    start, end = svg.find("<style>"), svg.find("</style>")
    if not 0 <= start < end:
        return svg
    head, style, rest = svg[: start + 7], svg[start + 7 : end], svg[end:]
    rest = rest.replace(_NEXT_WORD, "")
    rest = _MARKER.sub(lambda match: match[0] if f"url(#{match[1]})" in rest else "", rest)
    present = set(" ".join({piece.partition('"')[0] for piece in (head + rest).split(' class="')[1:]}).split())
    found: dict[str, bool] = {}

    def quoted(value: str) -> bool:
        if value not in found:
            found[value] = value in rest
        return found[value]

    css = style if "edge-animation" in rest else _without_keyframes(style)
    kept = "".join(
        text
        for text, selectors in _rules(css)
        if not selectors or any(names <= present and all(map(quoted, values)) for names, values in selectors)
    )
    return head + kept + rest


@lru_cache(maxsize=32)
def _without_keyframes(css: str) -> str:
    return _KEYFRAMES.sub("", css)


@lru_cache(maxsize=32)
def _rules(css: str) -> list[tuple[str, list[tuple[frozenset[str], tuple[str, ...]]]]]:
    """The style cut into rules, each with the classes and quoted values of its selectors; what is between has none."""
    out: list[tuple[str, list[tuple[frozenset[str], tuple[str, ...]]]]] = []
    at = 0
    for rule in _RULE.finditer(css):
        out.append((css[at : rule.start()], []))
        selectors = [(frozenset(_DOTTED.findall(one)), tuple(_QUOTED.findall(one))) for one in rule[1].split(",")]
        out.append((rule[0], selectors))
        at = rule.end()
    return [*out, (css[at:], [])]


def png(svg: str, width: int, background: str) -> bytes:
    """The SVG as PNG, `width` pixels wide. background: a CSS colour or "transparent"."""
    plain = not glyphs.BEYOND_FONT.search(svg)
    return bytes(
        _resvg().svg_to_bytes(
            svg_string=svg,
            width=max(1, width),
            background=None if background == "transparent" else background,
            skip_system_fonts=plain,
            font_files=[str(measure.FONT)],
            font_family=measure.FAMILY,
            sans_serif_family=measure.FAMILY,
        )
    )


def pdf(svg: str, wide: float, high: float, background: str) -> bytes:
    """The SVG as one vector PDF page of its own size (1 CSS pixel = 0.75 pt)."""
    try:
        import typst
    except ImportError as error:
        raise TaskError("unsupported", "PDF needs the package “typst” or Chromium", "pip install typst") from error
    fill = "none" if background == "transparent" else f'rgb("{_hex(background)}")'
    page = (
        f"#set page(width: {wide * 0.75}pt, height: {high * 0.75}pt, margin: 0pt, fill: {fill})\n"
        f'#image(bytes({json.dumps(svg, ensure_ascii=False)}), format: "svg", width: 100%)\n'
    )
    fonts: list[Any] = [str(measure.FONT.parent)]
    return bytes(typst.compile(page.encode(), format="pdf", font_paths=fonts))


def _hex(colour: str) -> str:
    from PIL import ImageColor

    try:
        return "#{:02x}{:02x}{:02x}".format(*ImageColor.getrgb(colour)[:3])
    except ValueError as error:
        raise TaskError("bad-request", f"unknown colour {colour!r}") from error


@lru_cache(maxsize=8)
def _engine(theme: str, pipeline: str) -> Any:
    try:
        import merman
    except (ImportError, OSError) as error:
        raise TaskError("missing", "the native renderer is not available on this system") from error
    config: dict[str, Any] = {
        "look": "classic",
        "htmlLabels": False,
        "flowchart": {"htmlLabels": False, "minNodeWidth": 0, "wrappingWidth": 140},
        "fontFamily": _FONTS,
        "maxEdges": 5000,
        "themeVariables": {"fontFamily": _FONTS},
    }
    if theme:
        config["theme"] = theme
    if theme not in DARK:
        config["themeVariables"]["edgeLabelBackground"] = "#ffffff"
    options = {
        "svg": {"pipeline": pipeline, "diagram_id": "diagram"},
        "site_config": config,
        "resources": {"profile": "interactive", "limits": {"max_layout_work_units": 60_000_000}},
    }
    services = merman.MermanEngineServices().with_text_measurer(measure.measurer())
    return merman.MermanEngine(json.dumps(options), services)


@lru_cache(maxsize=1)
def _resvg() -> Any:
    import resvg_py

    return resvg_py


def _reason(error: Exception) -> str:
    text = getattr(error, "message", "") or str(error)
    match = re.search(r"message='([^']*)'", text)
    return (match[1] if match else text).strip()[:500]


if __name__ == "__main__":
    main()
