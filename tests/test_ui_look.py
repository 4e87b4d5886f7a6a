"""How the page looks and reads, measured in Debian's Chromium: contrast, languages, names, the keyboard, a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.page_server import CHROMIUM, ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: scripts/system-packages.sh chromium"),
]
EXAMPLES = ROOT / "data" / "examples"
AUDIT = (Path(__file__).parent / "page_audit.js").read_text("utf-8")
VIEWS = ("correct", "ocr", "draw", "batch", "chat", "library", "history", "service")
NAMES = "Diascribe Ctrl PNG JPG WebP BMP TIFF GIF PDF BPMN Mermaid JSON CSV API ZIP XLSX svg png pdf mmd bpmn English"
LONG = 90_000


def visitor(chromium: Any, place: str, tongue: str = "en", theme: str = "light", **more: Any) -> Any:
    """A tab of a fresh visitor."""
    context = chromium.new_context(
        **{"viewport": {"width": 1280, "height": 720}, "color_scheme": theme, "locale": tongue, **more}
    )
    context.add_cookies([{"name": "diascribe_lang", "value": tongue, "url": place}])
    context.set_default_timeout(LONG)
    return context.new_page()


def described(page: Any, place: str, name: str = "priyom.png") -> None:
    page.goto(place)
    page.set_input_files("[data-testid=stFileUploader] input", EXAMPLES / name)
    page.wait_for_selector(".list .row")


def settled(page: Any) -> None:
    page.wait_for_timeout(700)
    page.wait_for_function("!document.querySelector('[data-testid=stApp][data-test-script-state=running]')")
    page.wait_for_timeout(700)


def opened(page: Any, view: str) -> None:
    """Go there the way people do, so that the tab's desk comes along."""
    page.locator(f"[data-testid=stSidebarNav] a[href$='/{view}']").click()
    page.wait_for_url(f"**/{view}*")
    page.locator("h1").wait_for()
    settled(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_stands_out_and_every_picture_and_button_has_a_name(chromium, place, theme):
    page = visitor(chromium, place, theme=theme)
    described(page, place, "order.png")
    page.locator(".list .row").nth(2).click()
    settled(page)
    faults = {}
    for view in ("describe", *VIEWS):
        if view != "describe":
            opened(page, view)
        for _ in range(10):  # what fades in is seen again
            found = page.evaluate(AUDIT, [])
            faults[view] = (found["contrast"], found["unnamed"])
            if not any(faults[view]):
                break
            page.wait_for_timeout(500)
    page.context.close()
    assert not {view: told for view, told in faults.items() if any(told)}


def test_streamlit_itself_speaks_russian_too(chromium, place, tmp_path):
    page = visitor(chromium, place, tongue="ru")
    page.goto(place)
    page.get_by_role("button", name="Настройки").click()
    page.get_by_role("combobox", name="Чем читать").click()
    page.get_by_role("option").first.wait_for()
    foreign = {"options": page.evaluate(AUDIT, NAMES.split())["foreign"]}
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    huge = tmp_path / "huge.png"
    with huge.open("wb") as sparse:
        sparse.truncate(230 * 2**20)
    page.set_input_files("[data-testid=stFileUploader] input", huge)
    page.get_by_text("Файл слишком велик: можно не больше 200.0 МБ").wait_for()
    page.goto(f"{place}/nowhere")
    page.get_by_role("dialog").get_by_text("Такой страницы нет").wait_for()
    foreign["nowhere"] = page.evaluate(AUDIT, NAMES.split())["foreign"]
    page.goto(f"{place}/library")
    page.locator(".card").first.wait_for()
    page.get_by_role("button", name="Следующая страница").wait_for()
    page.context.close()
    assert not any(foreign.values()), foreign


def test_the_whole_of_describe_can_be_done_with_the_keyboard(chromium, place):
    """Tab goes through the page, what has the focus is seen, a step is chosen with the arrows."""
    page = visitor(chromium, place)
    page.goto(place)
    page.locator(".card").first.wait_for()
    settled(page)
    inner = """() => { let one = document.activeElement;
        while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement; return one; }"""
    stops, unseen = [], []
    for _ in range(40):
        page.keyboard.press("Tab")
        stop = page.evaluate_handle(inner)
        name = stop.evaluate("e => (e.getAttribute('aria-label') || e.textContent || e.tagName).trim().slice(0, 40)")
        seen = stop.evaluate(
            """e => { const seen = (one) => { const s = getComputedStyle(one);
            return (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0) || s.boxShadow !== 'none'; };
            return seen(e) || (e.parentElement !== null && seen(e.parentElement)); }"""
        )
        stops.append(name)
        if not seen and name != "BODY":
            unseen.append(name)
        if name.startswith("Booking a visit"):
            break
    assert not unseen
    assert stops[-1].startswith("Booking a visit"), stops
    page.keyboard.press("Enter")
    page.wait_for_selector(".list .row")
    settled(page)
    page.locator(".list .rows").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.locator(".list .row.on > b").inner_text() == "2"
    assert page.locator(".page .box.on").count() == 1
    page.context.close()


def test_on_a_phone_nothing_sticks_out_and_the_head_covers_what_scrolls_beneath(chromium, place):
    page = visitor(chromium, place, tongue="ru", viewport={"width": 390, "height": 844}, has_touch=True)
    described(page, place)
    settled(page)
    kept = page.url.partition("?")[2]
    wide = {}
    for view in ("", *VIEWS):
        page.goto(f"{place}/{view}?{kept}")
        page.locator("h1").wait_for()
        settled(page)
        wide[view] = page.evaluate(
            "() => document.querySelector('[data-testid=stMain]').scrollWidth - document.documentElement.clientWidth"
        )
    ground = page.locator("[data-testid=stHeader]").evaluate("e => getComputedStyle(e).backgroundColor")
    page.context.close()
    assert ground == "rgb(255, 255, 255)"
    assert not {view: more for view, more in wide.items() if more > 0}
