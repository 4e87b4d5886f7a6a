"""The page in Debian's Chromium, against the real server: what a person does on each page, on real files."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.page_server import CHROMIUM, ROOT, free_port, page_alone, running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: scripts/system-packages.sh chromium"),
]
EXAMPLES = ROOT / "data" / "examples"
LONG = 60_000
XSS = "<img src=x onerror=\"document.title='owned'\">"


@pytest.fixture
def page(chromium: Any, place: str) -> Iterator[Any]:
    """A fresh tab of a fresh visitor who speaks English; the page must raise no error."""
    context = chromium.new_context(viewport={"width": 1280, "height": 720}, locale="en-US", accept_downloads=True)
    context.set_default_timeout(LONG)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab, faults = context.new_page(), list[str]()
    tab.on("pageerror", lambda error: faults.append(str(error)))
    yield tab
    assert not faults
    assert tab.locator("[data-testid=stException]").count() == 0
    assert tab.title().endswith("Diascribe")
    context.close()


def described(page: Any, place: str, name: str = "order.png") -> None:
    page.goto(place)
    page.set_input_files("[data-testid=stFileUploader] input", EXAMPLES / name)
    page.wait_for_selector(".list .row")


def download(page: Any, press: Any) -> tuple[str, bytes]:
    with page.expect_download() as waited:
        press.click()
    return waited.value.suggested_filename, Path(waited.value.path()).read_bytes()


def test_a_dropped_picture_is_described_and_every_form_can_be_kept(page, place):
    described(page, place)
    assert page.locator(".list .row").count() == 9
    assert page.locator(".page .box").count() >= 9
    # a step chosen in the list lights its box, and the other way round
    page.locator(".list .row").nth(1).click()
    assert page.locator(".page .box.on b").inner_text() == "2"
    page.locator(".page .box", has_text="7").first.click()
    assert page.locator(".list .row.on p").inner_text() == "Order from supplier"
    page.keyboard.press("Tab")
    truth = json.loads((EXAMPLES / "order.json").read_text("utf-8"))
    for tab, suffix in (
        ("Text", ".txt"),
        ("Table", ".md"),
        ("BPMN", ".bpmn"),
        ("JSON", ".json"),
        ("CSV", ".csv"),
        ("Mermaid", ".mmd"),
    ):
        page.get_by_role("tab", name=tab, exact=True).click()
        shown = page.locator(".sheet:visible")
        name, data = download(page, shown.locator(".keep"))
        assert name == f"order{suffix}"
        assert "Pack goods" in data.decode()
        shown.locator(".copy").click()
        assert page.evaluate("navigator.clipboard.readText()") == data.decode()
        if tab == "JSON":
            assert {n["text"] for n in json.loads(data)["nodes"]} >= {n["text"] for n in truth["nodes"] if n["text"]}
    drawn = page.locator(".page img:visible").last
    assert drawn.evaluate("i => i.complete && i.naturalWidth > 0")


def test_an_upload_is_read_once(page, place):
    with Image.open(EXAMPLES / "order.png") as picture:
        changed, out = picture.convert("RGB"), io.BytesIO()
    changed.putpixel((0, 0), (1, 2, 3))  # it was not described before, and is not answered from the history
    changed.save(out, "PNG")
    page.goto(place)
    given = {"name": "once.png", "mimeType": "image/png", "buffer": out.getvalue()}
    page.set_input_files("[data-testid=stFileUploader] input", given)
    page.wait_for_selector(".list .row")
    page.wait_for_timeout(4000)  # a second reading would be over by then
    page.locator("[data-testid=stSidebarNav] a[href$='/history']").click()
    page.get_by_label("Search by words").fill("once.png")
    page.keyboard.press("Enter")
    page.get_by_text("1 found").wait_for()


def test_a_reload_keeps_what_was_found(page, place):
    described(page, place)
    page.wait_for_url(re.compile(r"[?&]d="))
    page.reload()
    page.wait_for_selector(".list .row")
    assert page.locator("h1").inner_text() == "Web shop"


def test_a_bundled_example_is_one_click_away(page, place):
    page.goto(place)
    page.locator(".card").last.click()
    page.wait_for_selector(".list .row")


def test_a_picture_can_be_pasted(page, place):
    page.goto(place)
    pasted(page, "image.png")
    page.wait_for_selector(".list .row")


def test_pictures_pasted_together_become_a_batch(page, place):
    page.goto(f"{place}/batch")
    pasted(page, "one.png", "two.png")
    for name in ("one.png", "two.png"):
        page.locator("tr", has_text=name).wait_for()


def pasted(page: Any, *names: str) -> None:
    """Paste the example under these names."""
    page.wait_for_selector("[data-testid=stFileUploaderDropzone]")
    page.wait_for_timeout(500)
    page.evaluate(
        """([data, names]) => { const carrier = new DataTransfer();
        for (const name of names) carrier.items.add(new File([new Uint8Array(data)], name, {type: "image/png"}));
        const told = {clipboardData: carrier, bubbles: true, cancelable: true};
        document.body.dispatchEvent(new ClipboardEvent("paste", told)); }""",
        [list((EXAMPLES / "order.png").read_bytes()), names],
    )


def test_what_is_no_picture_is_a_sentence_with_a_way_out(page, place):
    page.goto(place)
    page.set_input_files(
        "[data-testid=stFileUploader] input", {"name": "note.png", "mimeType": "image/png", "buffer": b"no picture"}
    )
    told = page.locator("[data-testid=stAlert]")
    told.wait_for()
    assert "PNG, JPG" in told.inner_text()


def test_where_the_api_is_down_one_goes_on_when_it_is_up(chromium, tmp_path):
    port = free_port()
    context = chromium.new_context(locale="ru")
    context.set_default_timeout(LONG)
    page = context.new_page()
    with page_alone(f"http://127.0.0.1:{port}") as place:
        page.goto(place)
        page.set_input_files("[data-testid=stFileUploader] input", EXAMPLES / "order.png")
        page.get_by_test_id("stAlert").get_by_text("Запустите его командой «diascribe serve»").wait_for()
        with running(port, DIASCRIBE_STATE_DIR=str(tmp_path / "state"), DIASCRIBE_EXAMPLES_DIR=str(tmp_path / "own")):
            page.get_by_role("button", name="Повторить").click()
            page.wait_for_selector(".list .row")
            assert page.locator("h1").inner_text() == "Web shop"
    page.get_by_role("dialog").get_by_text("Связи со страницей нет").wait_for()
    assert "Streamlit" not in page.get_by_role("dialog").inner_text()
    context.close()


def test_a_page_of_a_pdf_is_shown_and_another_can_be_chosen(page, place):
    with Image.open(EXAMPLES / "order.png") as first, Image.open(EXAMPLES / "priyom.png") as second:
        out = io.BytesIO()
        first.convert("RGB").save(out, "PDF", save_all=True, append_images=[second.convert("RGB")])
    page.goto(place)
    given = {"name": "two.pdf", "mimeType": "application/pdf", "buffer": out.getvalue()}
    page.set_input_files("[data-testid=stFileUploader] input", given)
    page.wait_for_selector(".list .row")
    assert page.locator(".page img").first.evaluate("i => i.naturalWidth") > 300
    before = page.locator("h1").inner_text()
    field = page.get_by_label("Page of 2")
    field.fill("2")
    field.press("Enter")
    page.locator(f"h1:not(:text-is('{before}')):not(:text-is('two.pdf'))").wait_for()
    page.wait_for_selector(".list .row")


def test_two_tabs_do_not_mix_even_with_one_address(page, place, chromium):
    described(page, place)
    page.wait_for_url(re.compile(r"[?&]d="))
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector(".list .row")
    other.set_input_files("[data-testid=stFileUploader] input", EXAMPLES / "priyom.png")
    other.wait_for_selector("h1:not(:text('Web shop'))")
    other.wait_for_selector(".list .row")
    assert page.locator("h1").inner_text() == "Web shop"
    page.reload()
    page.wait_for_selector(".list .row")
    assert page.locator("h1").inner_text() == "Web shop"


def test_russian_is_chosen_remembered_and_unmixed(page, place):
    described(page, place, "priyom.png")
    page.get_by_role("button", name="Русский").click()
    page.get_by_text("Где", exact=False).or_(page.get_by_role("tab", name="Таблица")).first.wait_for()
    page.wait_for_function("document.documentElement.lang === 'ru'")
    fresh = page.context.new_page()
    for path in ("", "draw", "ocr", "correct", "batch", "chat", "library", "history", "service"):
        fresh.goto(f"{place}/{path}")
        fresh.locator("h1").wait_for()
        for _ in range(20):  # the page comes in pieces
            fresh.wait_for_timeout(400)
            if not (foreign := set(re.findall(r"(?<!\w)[A-Za-z]{3,}(?!\w)", visible(fresh))) - ALLOWED):
                break
        assert not foreign, path


ALLOWED = {"Diascribe", "Ctrl", "PNG", "JPG", "WebP", "BMP", "TIFF", "GIF", "PDF", "BPMN", "Mermaid", "JSON", "CSV"} | {
    *("API", "ZIP", "XLSX", "CPU", "RAM", "GPU", "diascribe", "serve", "svg", "png", "pdf", "mmd", "bpmn")
}


def visible(page: Any) -> str:
    """Words on the page, with those in shadow roots; without what people wrote: fields, titles, names of models."""
    return page.evaluate(
        """() => { const out = []; const walk = (node) => {
        if (node.nodeType === 3) { if (node.parentElement?.checkVisibility?.({visibilityProperty: true}) &&
            !node.parentElement.closest(
            'style,script,textarea,.gallery,[class*=st-key-model_],[data-testid=stExpander]'
            ) &&
            !getComputedStyle(node.parentElement).fontFamily.includes('Material') &&
            getComputedStyle(node.parentElement).fontSize !== '0px') out.push(node.textContent); return; }
        if (node.shadowRoot) walk(node.shadowRoot);
        for (const child of node.childNodes) walk(child); };
        walk(document.body); return out.join(' '); }"""
    )


def test_words_become_a_picture_while_one_writes(page, place):
    page.goto(f"{place}/draw")
    area = page.locator(".editor textarea")
    area.wait_for()
    area.fill(f'flowchart TB\n  a[One] --> b["{XSS.replace(chr(34), "")}"]\n')
    page.wait_for_function("document.title.endsWith('Diascribe')")
    page.locator(".marks").wait_for()
    area.fill("flowchart TB\n  a[One] --> b[Two]\n  b ==> ==> c\n")
    page.locator(".marks .wrong", has_text="3").wait_for()
    area.fill("1. Anna: packs the parcel\n2. Boris: sends it\n")
    page.locator(".marks .wrong").wait_for(state="hidden")
    page.locator("label", has_text="Words").wait_for()
    page.wait_for_timeout(1500)
    plain = page.locator(".page img").get_attribute("src")
    page.get_by_role("combobox", name="Drawn by").click()
    page.get_by_role("option", name="Chromium").click()
    page.locator(f".page img:not([src='{plain}'])").wait_for()
    for form, mark in (
        ("svg", b"<svg"),
        ("png", b"\x89PNG"),
        ("pdf", b"%PDF"),
        ("mmd", b"flowchart"),
        ("bpmn", b"<?xml"),
    ):
        name, data = download(page, page.get_by_role("button", name=f".{form}"))
        assert name == f"diagram.{form}"
        assert data.lstrip().startswith(mark)
        if form in ("svg", "mmd", "bpmn"):
            assert "the parcel" in data.decode()


def test_only_the_words_of_a_picture(page, place):
    page.goto(f"{place}/ocr")
    page.set_input_files("[data-testid=stFileUploader] input", EXAMPLES / "order.png")
    page.wait_for_selector(".list .row")
    page.get_by_role("tab", name="JSON").click()
    _, data = download(page, page.locator(".sheet:visible .keep"))
    assert "Check order" in [line["text"] for line in json.loads(data)["lines"]]
    page.get_by_role("tab", name="CSV").click()
    _, data = download(page, page.locator(".sheet:visible .keep"))
    assert io.StringIO(data.decode()).readline().startswith("Text,x0")


def test_labels_of_pictures_stay_text(page, place):
    """A picture that holds markup: drawn by the page, read by the page, never run by it."""
    page.goto(f"{place}/draw")
    area = page.locator(".editor textarea")
    area.wait_for()
    area.fill(f"1. Anna: sends {XSS}\n2. Boris: <b>reads</b> it\n")
    page.wait_for_timeout(2500)
    assert page.locator("img[src=x]").count() == 0
    page.get_by_role("button", name="Go on in Mermaid").click()
    page.wait_for_timeout(1500)
    assert page.locator("img[src=x]").count() == 0
    assert page.title().endswith("Diascribe")


def test_a_correction_changes_text_and_forms_and_is_found_as_an_example(page, place):
    described(page, place)
    page.get_by_role("link", name="Correct it").click()
    field = page.locator("input[data-column=text]")
    page.get_by_role("heading", name="Correct what was read").wait_for()
    field.nth(1).fill(f"Weigh the parcel {XSS}")
    field.nth(1).press("Tab")
    page.locator(".list .row p", has_text="Weigh the parcel").wait_for()
    page.locator("select[data-column=type]").nth(1).select_option("subprocess")
    page.locator("input[data-column=role]").nth(1).fill("Scales")
    page.locator("input[data-column=role]").nth(1).press("Tab")
    page.locator(".list .row small", has_text="Scales").wait_for()
    page.get_by_role("tab", name="Flows").click()
    page.locator(".grid:visible button.away").last.click()
    page.get_by_role("tab", name="JSON").click()
    page.wait_for_timeout(1500)
    _, data = download(page, page.locator(".sheet:visible .keep"))
    graph = json.loads(data)
    changed = next(node for node in graph["nodes"] if node["text"].startswith("Weigh"))
    assert changed["type"] == "subprocess"
    assert changed["confidence"] is None
    assert changed["bbox"]
    assert changed["lane"] in {lane["id"] for lane in graph["lanes"] if lane["name"] == "Scales"}
    assert len(graph["edges"]) == 7
    page.get_by_role("tab", name="BPMN").click()
    _, data = download(page, page.locator(".sheet:visible .keep"))
    assert "Weigh the parcel" in data.decode()
    page.get_by_label("Name of the example").fill("Parcels on scales")
    page.get_by_role("button", name="Keep as an example").click()
    page.get_by_text("Kept: Parcels on scales").wait_for()
    page.locator("[data-testid=stSidebarNav] a[href$='/library']").click()
    page.get_by_label("Search by words").fill("Parcels on scales")
    page.keyboard.press("Enter")
    page.locator(".card strong", has_text="Parcels on scales").click()
    page.get_by_role("button", name="Remove").click()
    page.locator(".card strong", has_text="Parcels on scales").wait_for(state="hidden")


def test_the_library_is_searched_by_words_and_by_picture(page, place):
    page.goto(f"{place}/library")
    page.locator(".card").nth(5).wait_for()
    page.get_by_label("Search by words").fill("restructuring of a debt")
    page.keyboard.press("Enter")
    page.locator(".card").first.wait_for()
    page.get_by_text("Search by picture").click()
    page.set_input_files("[data-testid=stFileUploader] input", EXAMPLES / "order.png")
    page.get_by_text("Like order.png, nearest first").wait_for()
    page.locator(".card small", has_text="%").first.wait_for()


def test_a_past_result_is_opened_again_and_deleted(page, place):
    described(page, place, "priyom.png")
    title = page.locator("h1").inner_text()
    page.locator("[data-testid=stSidebarNav] a[href$='/history']").click()
    card = page.locator(".card", has_text=title)
    card.first.click()
    page.get_by_role("button", name="Open again").click()
    page.wait_for_selector(".list .row")
    assert page.locator("h1").inner_text() == title
    page.locator("[data-testid=stSidebarNav] a[href$='/history']").click()
    _, data = download(page, page.get_by_role("button", name="All as CSV"))
    assert title in data.decode("utf-8-sig")
    count = card.count()
    card.first.click()
    page.get_by_role("button", name="Delete").click()
    card.nth(count - 1).wait_for(state="detached")


def test_a_batch_is_read_survives_a_reload_and_is_exported(page, place):
    page.goto(f"{place}/batch")
    broken = {"name": "broken.png", "mimeType": "image/png", "buffer": b"no picture"}
    good = {"name": "good.png", "mimeType": "image/png", "buffer": (EXAMPLES / "order.png").read_bytes()}
    page.locator("[data-testid=stFileUploader] input").wait_for(state="attached")
    page.set_input_files("[data-testid=stFileUploader] input", [good, broken])
    page.locator("tr", has_text="good.png").wait_for()
    page.wait_for_url(re.compile("batch="))
    page.reload()
    page.get_by_role("button", name="Retry the failed ones").wait_for()
    assert "PNG, JPG" in page.locator("tr[data-state=failed]", has_text="broken.png").inner_text()
    row = page.locator("tr[data-state=done]", has_text="good.png")
    row.locator("img").wait_for()
    assert "Web shop" in row.inner_text()
    assert "elements" in row.inner_text()
    name, data = download(page, page.get_by_role("button", name="All as ZIP"))
    assert name == "batch.zip"
    assert "good" in " ".join(zipfile.ZipFile(io.BytesIO(data)).namelist())
    _, data = download(page, page.get_by_role("button", name="All as XLSX"))
    assert "xl/workbook.xml" in zipfile.ZipFile(io.BytesIO(data)).namelist()
    page.get_by_text("failed · 1").click()
    page.locator("tr", has_text="good.png").wait_for(state="hidden")
    page.get_by_text("failed · 1").click()
    page.locator("tr", has_text="good.png").wait_for()
    page.get_by_placeholder("Part of a file's name").fill("OOD")
    page.keyboard.press("Enter")
    page.locator("tr", has_text="broken.png").wait_for(state="hidden")
    page.get_by_role("button", name="good.png").click()
    page.wait_for_selector(".list .row")
    assert page.locator("h1").inner_text() == "Web shop"
    page.locator("[data-testid=stSidebarNav] a[href$='/batch']").click()
    page.get_by_role("button", name="Close this batch").click()
    page.get_by_text("Earlier batches").wait_for()


def test_the_pages_of_a_pdf_are_told_apart_in_a_batch_and_each_is_opened_as_itself(page, place):
    out = io.BytesIO()
    with Image.open(EXAMPLES / "order.png") as first, Image.open(EXAMPLES / "priyom.png") as second:
        second.convert("RGB").save(out, "PDF", save_all=True, append_images=[first.convert("RGB")])
    page.goto(f"{place}/batch")
    page.locator("[data-testid=stFileUploader] input").wait_for(state="attached")
    given = {"name": "pages.pdf", "mimeType": "application/pdf", "buffer": out.getvalue()}
    page.set_input_files("[data-testid=stFileUploader] input", given)
    page.locator("tr[data-state=done]", has_text="pages.pdf, page 1").wait_for()
    page.locator("tr[data-state=done]", has_text="pages.pdf, page 2").get_by_role("button").click()
    page.wait_for_selector(".list .row")
    assert page.locator("h1").inner_text() == "Web shop"
    assert page.get_by_label("Page of 2").input_value() == "2"


def test_without_a_model_asking_says_how_to_get_one(page, place):
    described(page, place)
    page.locator("[data-testid=stSidebarNav] a[href$='/chat']").click()
    field = page.get_by_placeholder("Your question")
    field.fill("What happens first?")
    field.press("Enter")
    page.get_by_text("There is no model to ask yet").wait_for()
    page.locator(".sheet pre", has_text="diascribe models download").wait_for()


def test_load_and_models_are_told(page, place):
    page.goto(f"{place}/service")
    page.locator(".plot strong", has_text="%").first.wait_for()
    page.get_by_text("of 1 readers are ready").wait_for()
    findings = page.get_by_test_id("stExpander")
    findings.get_by_text("The doctor misses").wait_for()
    if not findings.get_by_text("Tesseract languages").is_visible():
        findings.get_by_text("The doctor misses").click()
    findings.get_by_text("Tesseract languages").wait_for()


def test_the_theme_is_chosen_and_remembered(page, place):
    page.goto(place)
    page.get_by_role("button", name="Dark theme").click()
    page.wait_for_function(
        "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor === 'rgb(17, 25, 29)'"
    )
    page.goto(f"{place}/draw")
    page.wait_for_function(
        "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor === 'rgb(17, 25, 29)'"
    )


def test_nothing_is_asked_of_other_machines(page, place):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    described(page, place)
    assert not [url for url in asked if not url.startswith((place, "data:", "blob:"))]
