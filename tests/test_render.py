"""Pictures: right sizes, labels inside their boxes, nothing active or external, and no harm from hostile sources."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import pytest
from PIL import Image

from mermaid.chromium import Chromium, available
from mermaid.render import Auto, Look, Native, Picture, Renderer, RenderError, RenderTimeoutError
from mermaid.sanitize import UnsafeSvgError, sanitize

SVG = "{http://www.w3.org/2000/svg}"
SIMPLE = (
    'flowchart TB\n a(["Начало"]) --> b{"Сумма больше 100?"}\n'
    ' b -->|"да"| c["Согласовать"]\n b -->|"нет"| d["漢字 🙂"]\n'
)


@pytest.fixture(scope="module")
def native() -> Iterator[Native]:
    one = Native(workers=1, deadline=60)
    yield one
    one.close()


@pytest.fixture(scope="module", params=["native", pytest.param("chromium", marks=pytest.mark.slow)])
def renderer(request: pytest.FixtureRequest, native: Native) -> Iterator[Renderer]:
    if request.param == "native":
        yield native
        return
    if not available():
        pytest.skip("no Chromium here")
    one = Chromium(deadline=120)
    yield one
    one.close()


class Trap:
    """A server on loopback that counts who connects."""

    def __init__(self) -> None:
        self.caught = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.caught += 1
            connection.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    one = Trap()
    yield one
    one.socket.close()


def test_svg(renderer: Renderer) -> None:
    picture = renderer.render(SIMPLE, "svg", Look(title="Заявка", description="Как её согласуют"))
    svg = picture.data.decode()
    assert "<title" in svg
    assert "Заявка" in svg
    assert "Как её согласуют" in svg
    for word in ("Начало", "Согласовать", "да", "нет", "漢字"):
        assert word in svg


def test_png_scale_and_background(renderer: Renderer) -> None:
    once = Image.open(io.BytesIO(renderer.render(SIMPLE, "png", Look(scale=1)).data))
    twice = Image.open(io.BytesIO(renderer.render(SIMPLE, "png", Look(scale=2)).data))
    clear = Image.open(io.BytesIO(renderer.render(SIMPLE, "png", Look(scale=1, background="transparent")).data))
    assert abs(twice.width - 2 * once.width) <= 2
    assert once.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)
    assert clear.convert("RGBA").getpixel((0, 0))[3] == 0
    dark = sum(once.convert("L").histogram()[:128])
    assert dark > 0.005 * once.width * once.height


def test_pdf_is_one_vector_page(renderer: Renderer) -> None:
    import pypdfium2

    document = pypdfium2.PdfDocument(renderer.render(SIMPLE, "pdf").data)
    assert len(document) == 1
    assert "Согласовать" in document[0].get_textpage().get_text_range()
    kinds = {item.type for item in document[0].get_objects()}
    assert 2 in kinds, "no vector paths"


def test_labels_lie_inside_their_boxes(native: Native) -> None:
    source = 'flowchart TB\n a["Проверить комплектность документов заявителя"] --> b["WWWWWWWWWWWWWWWWWW MMMMMM"]\n'
    image = Image.open(io.BytesIO(native.render(source, "png", Look(scale=1)).data)).convert("L")
    pixels = image.load()
    assert pixels is not None
    for x in (0, image.width - 1):
        assert all(pixels[x, y] > 200 for y in range(image.height)), "ink runs out of the picture"
    svg = native.render(source, "svg").data.decode()
    widths = [float(value) for value in re.findall(r'<rect class="basic[^"]*"[^>]*? width="([\d.]+)"', svg)]
    assert widths or "<rect" in svg or "<path" in svg


def test_dark_theme(native: Native) -> None:
    assert native.render(SIMPLE, "svg", Look(theme="dark")).data != native.render(SIMPLE, "svg").data


HOSTILE = {
    "product": "flowchart TB\n" + " --> ".join(" & ".join(f"{side}{i}" for i in range(3200)) for side in "AB"),
    "block-space": "block-beta\n columns 3\n space:100000000\n a\n",
    "mindmap": "mindmap\n root\n" + "\n".join(f"  n{i}" for i in range(3000)),
    "long": "flowchart TB\n a[" + "x" * 10_000_000 + "]\n",
    "deep": "flowchart TB\n" + "".join(f"subgraph s{i}\n" for i in range(2000)) + "a\n" + "end\n" * 2000,
    "brackets": "flowchart TB\n a" + "[" * 200_000,
    "nul": "flowchart TB\n a[\x00\x01\ufffe] --> b\n",
    "surrogate": "flowchart TB\n a[\ud800] --> b\n",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_source_costs_one_deadline_at_most(name: str) -> None:
    renderer = Native(workers=1, deadline=5)
    try:
        start = time.monotonic()
        with contextlib.suppress(RenderError):
            renderer.render(HOSTILE[name], "png")
        assert time.monotonic() - start < 60
        assert renderer.render(SIMPLE, "svg").data.startswith(b"<svg")
    finally:
        renderer.close()


@pytest.mark.slow
@pytest.mark.skipif(not available(), reason="no Chromium here")
def test_chromium_survives_a_hang() -> None:
    renderer = Chromium(deadline=5)
    try:
        with pytest.raises((RenderTimeoutError, RenderError)):
            renderer.render(HOSTILE["block-space"], "svg")
        assert b"<svg" in renderer.render(SIMPLE, "svg").data
    finally:
        renderer.close()


def payloads(port: int) -> list[str]:
    host = f"http://127.0.0.1:{port}"
    return [
        f'flowchart TB\n a["<img src={host}/1>"] --> b\n',
        f"flowchart TB\n a[\"<img src='{host}/2' onerror='fetch(1)'>\"] --> b\n",
        f'flowchart TB\n a["<script>fetch(`{host}/3`)</script>"] --> b\n',
        f'flowchart TB\n a["<iframe src={host}/4></iframe>"] --> b\n',
        f'flowchart TB\n a["<svg onload=fetch(`{host}/5`)>"] --> b\n',
        f'flowchart TB\n a --> b\n click a "{host}/6" "tip"\n',
        'flowchart TB\n a --> b\n click a "javascript:alert(1)"\n',
        f'%%{{init: {{"themeCSS": "* {{ background: url({host}/7); }}"}}}}%%\nflowchart TB\n a --> b\n',
        f'%%{{init: {{"themeCSS": "@import url({host}/8);"}}}}%%\nflowchart TB\n a --> b\n',
        f'%%{{init: {{"themeVariables": {{"primaryColor": "red; a: url({host}/9)"}}}}}}%%\nflowchart TB\n a --> b\n',
        f'%%{{init: {{"fontFamily": "x; src: url({host}/10)"}}}}%%\nflowchart TB\n a --> b\n',
        f"flowchart TB\n a --> b\n style a fill:url({host}/11)\n",
        f"flowchart TB\n classDef x background:url({host}/12)\n a:::x --> b\n",
        f'flowchart TB\n a@{{ img: "{host}/13.png", label: "x", w: 60, h: 60 }} --> b\n',
        f'flowchart TB\n a["<link rel=stylesheet href={host}/14>"] --> b\n',
        f'flowchart TB\n a["<a href={host}/15>x</a>"] --> b\n',
        f'flowchart TB\n a["<video src={host}/16 autoplay></video>"] --> b\n',
        f'sequenceDiagram\n participant A\n link A: x @ {host}/17\n A->>A: <img src="{host}/18">\n',
        f'classDiagram\n class A\n click A href "{host}/19"\n A : <img src="{host}/20">\n',
        f"mindmap\n root((<img src={host}/21>))\n  ::icon(fa fa-book)\n",
        f'stateDiagram-v2\n a : <img src="{host}/22">\n',
        f'gantt\n section S\n t :a1, 2024-01-01, 1d\n click a1 href "{host}/23"\n',
    ]  # fmt: skip


def test_nothing_reaches_the_network(renderer: Renderer, trap: Trap) -> None:
    for source in payloads(trap.port):
        try:
            svg = renderer.render(source, "svg").data.decode()
            renderer.render(source, "png", Look(scale=1))
        except RenderError:
            continue
        assert str(trap.port) not in re.sub(r">[^<]*<", "><", re.sub(r"(?s)<style.*?</style>", "", svg)), source
        assert not re.search(r"<script|\son\w+=|javascript:|<iframe|<a\b[^>]*href", svg), source
        assert not re.search(r"url\(\s*['\"]?http|@import", svg), source
    assert trap.caught == 0
    clean = renderer.render(SIMPLE, "svg").data
    assert b"Arial" in clean or b"DejaVu" in clean


@pytest.mark.parametrize(
    ("dirty", "gone"),
    [
        ("<script>x</script>", "script"),
        ('<g onclick="x()"/>', "onclick"),
        ('<a href="http://x/">t</a>', "//x"),
        ('<image href="http://x/a.png"/>', "//x"),
        ('<use href="http://x/#a"/>', "//x"),
        ('<g style="fill:url(http://x/)"/>', "//x"),
        ("<g fill=\"url('http://x/')\"/>", "//x"),
        ("<style>a{b:url( http://x )}@import 'http://x';</style>", "//x"),
        ("<style>a{b:u\\72l(http://x)}</style>", "u\\72l"),
        ("<style>@font-face{src:url(//x)}</style>", "//x"),
        ("<style>a{b:UR/**/L(http://x)}</style>", "http://x"),
        ('<foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" src="//x"/></foreignObject>', "iframe"),
        ('<animate attributeName="href" values="javascript:x"/>', "animate"),
        ("<?xml-stylesheet href='http://x'?>", "http://x'"),
        ('<image href="data:image/svg+xml;base64,AAAA"/>', "svg+xml"),
        ('<g fill="URL(http://x/)"/>', "//x"),
        ('<g xml:base="http://x/"><use href="#a"/></g>', "//x"),
        ("<style>a{b:c}<g/>@import 'http://x';</style>", "//x"),
    ],
)
def test_sanitiser_removes(dirty: str, gone: str) -> None:
    svg = sanitize(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{dirty}<text>kept</text></svg>')
    assert gone not in svg
    assert "kept" in svg


@pytest.mark.parametrize("bad", ["", "<svg", "<html/>", '<!DOCTYPE svg [<!ENTITY a "b">]><svg/>'])
def test_sanitiser_refuses(bad: str) -> None:
    with pytest.raises(UnsafeSvgError):
        sanitize(bad)


class Broken:
    """A renderer that never draws."""

    name = "broken"

    def start(self) -> None:
        pass

    def render(self, source: str, format: str, look: Look = Look()) -> Picture:  # noqa: A002, B008
        raise RenderError("no")

    def close(self) -> None:
        pass


def test_auto_falls_back_both_ways(native: Native) -> None:
    assert Auto(Broken(), native).render(SIMPLE, "svg").renderer == "native"
    with pytest.raises(RenderError):
        Auto(Broken(), None).render(SIMPLE, "svg")
    wrong = "classDiagram\n class A\n"
    assert Auto(native, Broken()).render(wrong, "svg").renderer == "native"


def test_entities_are_shown_as_what_they_mean(native: Native) -> None:
    source = (
        'flowchart TB\n  a["1#46; say #quot;yes#quot; #35;1 #amp; x"] -->|"#lt;b#gt;"| b["&lt;i&gt; &quot;"]\n'
        "  style a stroke:#abc\n"
    )
    svg = native.render(source, "svg").data.decode()
    told = " ".join("".join(re.findall(r"<text[^>]*>(.*?)</text>", svg, re.DOTALL)).split())
    words = re.sub(r"<[^>]+>", "", told)
    assert '1. say "yes" #1 &amp; x' in words
    assert "&lt;b&gt;" in words
    assert '&lt;i&gt; "' in words
    assert "#abc" in svg


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ("stateDiagram-v2\n A : Новая\n A --> B : отправить\n", "отправить"),
        ("erDiagram\n A ||--o{ B : places\n", "places"),
    ],
)
def test_labels_of_lines_stand_on_their_grounds(native: Native, source: str, label: str) -> None:
    """What is drawn where the label is: its letters, without the line that it stands on."""
    root = ET.fromstring(native.render(source, "svg").data)
    (group,) = (g for g in root.iter(f"{SVG}g") if g.get("class") == "edgeLabel" and label in "".join(g.itertext()))
    at_x, at_y, ground, baseline = 0.0, 0.0, None, None
    for element in group.iter():
        if element.tag == f"{SVG}g":
            x, y = re.findall(r"-?[\d.]+", element.get("transform", "0 0")) or (0, 0)
            at_x, at_y = at_x + float(x), at_y + float(y)
        elif element.tag == f"{SVG}rect":
            left, top = at_x + float(element.get("x", "0")), at_y + float(element.get("y", "0"))
            ground = (left + float(element.get("width", "0")) / 2, top, top + float(element.get("height", "0")))
        elif element.tag == f"{SVG}text":
            assert element.get("text-anchor") == "middle"
            baseline = (at_x, at_y + 14)
    assert ground is not None
    assert baseline is not None
    assert abs(baseline[0] - float(re.findall(r"-?[\d.]+", group.get("transform", ""))[0])) < 1
    assert ground[1] < baseline[1] < ground[2] + 1
