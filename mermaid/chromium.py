"""The reference renderer: Mermaid itself in one warm, offline Chromium page.

The page is recycled after many pictures and thrown away with its context when a picture overruns its deadline; a
browser that does not answer is killed and started anew. Strict, without network, and every SVG is sanitised before it
is handed on or made into PNG or PDF. Threads may share a renderer; it draws one picture at a time.
"""

from __future__ import annotations

import base64
import json
import lzma
import math
import threading
import time
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from diagram.errors import MissingDependencyError
from mermaid import cdp
from mermaid.glyphs import lacking, warning
from mermaid.measure import FAMILY
from mermaid.render import PLAIN, Format, Look, Picture, RenderError, RenderTimeoutError
from mermaid.sanitize import UnsafeSvgError, picture_size, sanitize

BUNDLE: Final = Path(__file__).with_name("vendor") / "mermaid.js.xz"
RECYCLE: Final = 200
"""Pictures after which a page is replaced."""
START: Final = 90.0
"""Seconds the browser may take to start; no part of a picture's deadline."""
MAX_PIXELS: Final = 40_000_000
MAX_TEXT: Final = 500_000
_PAGE: Final = (
    '<!doctype html><html><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="'
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'\">"
    "<style>html,body{margin:0}</style></head><body></body></html>"
)
_SCRIPT: Final = """
globalThis.drawSvg = async (source, config) => {
  mermaid.mermaidAPI.reset();
  mermaid.initialize(config);
  document.body.replaceChildren();
  const { svg } = await mermaid.render('diagram', source);
  document.body.innerHTML = svg;
  const element = document.body.firstElementChild;
  element.removeAttribute('width');
  const text = new XMLSerializer().serializeToString(element);
  document.body.replaceChildren();
  return text;
};
globalThis.drawPng = async (svg, width, height, background) => {
  const image = new Image(width, height);
  image.src = 'data:image/svg+xml;charset=utf-8,' + encodeURIComponent(svg);
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = width; canvas.height = height;
  const context = canvas.getContext('2d');
  if (background !== 'transparent') { context.fillStyle = background; context.fillRect(0, 0, width, height); }
  context.drawImage(image, 0, 0, width, height);
  return canvas.toDataURL('image/png').split(',')[1];
};
globalThis.show = (svg, background) => {
  document.body.innerHTML = svg;
  document.body.style.background = background;
  const element = document.body.firstElementChild;
  element.style.cssText = 'display:block;width:100vw;max-width:none';
};
"""
_SECURE: Final = [
    "secure", "securityLevel", "startOnLoad", "maxTextSize", "suppressErrorRendering", "maxEdges", "themeCSS",
    "dompurifyConfig", "deterministicIds", "htmlLabels", "fontFamily", "altFontFamily",
]  # fmt: skip


def available() -> bool:
    """Whether a Chromium is installed."""
    return cdp.find() is not None


@lru_cache(maxsize=1)
def _bundle() -> str:
    return lzma.decompress(BUNDLE.read_bytes()).decode()


class Chromium:
    """Mermaid in Chromium. The browser starts with the first picture.

    Raises:
        MissingDependencyError: no Chromium is installed.
    """

    name = "chromium"

    def __init__(self, *, deadline: float = 10.0) -> None:
        path = cdp.find()
        if path is None:
            raise MissingDependencyError(
                "Chromium is not installed", hint="apt-get install chromium, or use --renderer native."
            )
        self._path = path
        self._deadline = deadline
        self._lock = threading.Lock()
        self._browser: cdp.Browser | None = None
        self._context = self._session = ""
        self._drawn = 0

    def start(self) -> None:
        """Nothing: the first picture starts the browser."""

    def render(self, source: str, format: Format, look: Look = PLAIN) -> Picture:  # noqa: A002
        """The picture of a source; see `Renderer.render`."""
        if len(source) > MAX_TEXT:
            raise RenderError(f"the Mermaid source has {len(source)} characters, {MAX_TEXT} are allowed")
        with self._lock:
            self._ready()
            deadline = time.monotonic() + self._deadline
            try:
                return self._render(source, format, look, deadline)
            except cdp.CdpError as error:
                raise RenderError(f"Chromium cannot draw this: {error}") from error
            except TimeoutError as error:
                self._drop_page()
                raise RenderTimeoutError(
                    f"Chromium did not finish within {self._deadline:g} s", hint="Make the diagram smaller or split it."
                ) from error
            except cdp.GoneError as error:
                self._stop()
                raise RenderError("Chromium ended while it drew this", hint="Make the diagram smaller.") from error

    def accepts(self, source: str) -> bool:
        """Whether Mermaid in the browser parses a source; what `validate` must agree with."""
        plain = "mermaid.initialize({ startOnLoad: false }), mermaid.mermaidAPI.reset()"  # not the limits of drawing
        script = f"{plain}, mermaid.parse({json.dumps(source)}).then(() => true, () => false)"
        with self._lock:
            self._ready()
            return bool(self._evaluate(script, time.monotonic() + self._deadline))

    def _render(self, source: str, form: Format, look: Look, deadline: float) -> Picture:
        raw = self._evaluate(f"drawSvg({json.dumps(source)}, {json.dumps(_config(look.theme))})", deadline)
        self._drawn += 1
        try:
            svg = sanitize(str(raw), title=look.title, description=look.description)
            wide, high = picture_size(svg)
        except UnsafeSvgError as error:
            raise RenderError(str(error)) from error
        if form == "svg":
            return Picture(svg.encode(), form, self.name)
        lacked = lacking(svg)
        notes = (warning(lacked),) if lacked else ()
        if form == "png":
            scale = min(look.scale, math.sqrt(MAX_PIXELS / (wide * high)))
            size = f"{max(1, round(wide * scale))}, {max(1, round(high * scale))}"
            data = self._evaluate(f"drawPng({json.dumps(svg)}, {size}, {json.dumps(look.background)})", deadline)
            if scale < look.scale:
                notes = (f"the picture is large: drawn at scale {scale:.2g} instead of {look.scale:g}", *notes)
            return Picture(base64.b64decode(data), form, self.name, notes)
        self._evaluate(f"show({json.dumps(svg)}, {json.dumps(look.background)})", deadline)
        printed = self._page("Page.printToPDF", _paper(wide, high), deadline)
        return Picture(base64.b64decode(printed["data"]), form, self.name, notes)

    def _evaluate(self, expression: str, deadline: float) -> Any:
        params = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        result = self._page("Runtime.evaluate", params, deadline)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            text = details.get("exception", {}).get("description") or details.get("text", "")
            raise cdp.CdpError(text.split("\n    at ", 1)[0][:500])
        return result["result"].get("value")

    def _page(self, method: str, params: dict[str, Any], deadline: float) -> dict[str, Any]:
        assert self._browser is not None
        return self._browser.call(method, params, session=self._session, deadline=deadline)

    def _ready(self) -> None:
        """A browser with a fresh enough page."""
        deadline = time.monotonic() + START
        if self._session and self._drawn < RECYCLE:
            return
        try:
            if self._browser is None:
                self._browser = cdp.Browser(self._path)
            if self._context:
                self._browser.call(
                    "Target.disposeBrowserContext", {"browserContextId": self._context}, deadline=deadline
                )
            self._open(self._browser, deadline)
        except (cdp.CdpError, cdp.GoneError, TimeoutError, OSError) as error:
            self._stop()
            raise RenderError(f"Chromium does not start: {error or type(error).__name__}") from error

    def _open(self, browser: cdp.Browser, deadline: float) -> None:
        self._session = ""
        self._context = browser.call("Target.createBrowserContext", deadline=deadline)["browserContextId"]
        target = browser.call(
            "Target.createTarget",
            {"url": "about:blank", "browserContextId": self._context, "width": 1600, "height": 1200},
            deadline=deadline,
        )["targetId"]
        self._session = browser.call("Target.attachToTarget", {"targetId": target, "flatten": True}, deadline=deadline)[
            "sessionId"
        ]
        offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        self._page("Network.enable", {}, deadline)
        self._page("Network.emulateNetworkConditions", offline, deadline)
        frame = self._page("Page.getFrameTree", {}, deadline)["frameTree"]["frame"]["id"]
        self._page("Page.setDocumentContent", {"frameId": frame, "html": _PAGE}, deadline)
        self._evaluate(_bundle() + _SCRIPT + "; 0", deadline)
        self._drawn = 0

    def _drop_page(self) -> None:
        """Close the context with its hung page; a browser that does not even do that is ended."""
        assert self._browser is not None
        context, self._context, self._session = self._context, "", ""
        try:
            self._browser.call(
                "Target.disposeBrowserContext", {"browserContextId": context}, deadline=time.monotonic() + 2
            )
        except (cdp.CdpError, cdp.GoneError, TimeoutError):
            self._stop()

    def _stop(self) -> None:
        browser, self._browser = self._browser, None
        self._context = self._session = ""
        if browser is not None:
            browser.kill()

    def close(self) -> None:
        """End the browser."""
        with self._lock:
            self._stop()

    def __del__(self) -> None:
        browser = getattr(self, "_browser", None)
        if browser is not None:
            browser.kill()


def _config(theme: str) -> dict[str, Any]:
    fonts = f'"{FAMILY}", "Segoe UI", Arial, sans-serif'
    config: dict[str, Any] = {
        "startOnLoad": False,
        "securityLevel": "strict",
        "suppressErrorRendering": True,
        "deterministicIds": True,
        "logLevel": "fatal",
        "look": "classic",
        "htmlLabels": False,
        "flowchart": {"htmlLabels": False},
        "maxTextSize": MAX_TEXT,
        "maxEdges": 5000,
        "fontFamily": fonts,
        "secure": _SECURE,
    }
    if theme:
        config["theme"] = theme
    return config


def _paper(wide: float, high: float) -> dict[str, Any]:
    """Options of one PDF page of the picture's size; 96 CSS pixels make an inch."""
    zero = {f"margin{side}": 0 for side in ("Top", "Bottom", "Left", "Right")}
    return {"paperWidth": wide / 96, "paperHeight": (high + 1) / 96, "printBackground": True, "pageRanges": "1", **zero}
