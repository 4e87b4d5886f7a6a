"""Pictures of every page in both themes and both languages, and of two on a phone, into docs/screenshots/.

screenshots.py [OUT]    Chromium is needed (scripts/system-packages.sh chromium) and the development install.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PIL import Image

from tests.page_server import ROOT, browser, running

EXAMPLES = ROOT / "data" / "examples"
PICTURES = {"en": EXAMPLES / "order.png", "ru": EXAMPLES / "priyom.png"}
WAIT = 90_000


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        env = {"DIASCRIBE_STATE_DIR": f"{folder}/state", "DIASCRIBE_EXAMPLES_DIR": f"{folder}/own"}
        with running(**env) as (_, place):
            for language in ("en", "ru"):
                for theme in ("light", "dark"):
                    visit(
                        chromium,
                        place,
                        language,
                        theme,
                        lambda page, name, tail=f"{language}-{theme}": keep(page, out, f"{name}-{tail}"),
                    )
            phone(chromium, place, out)


def visit(chromium: Any, place: str, language: str, theme: str, shot: Callable[[Any, str], None]) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 720}, color_scheme=theme, locale=language)
    context.add_cookies([{"name": "diascribe_lang", "value": language, "url": place}])
    context.set_default_timeout(WAIT)
    page = context.new_page()
    page.goto(place)
    page.locator(".card img").last.wait_for()
    settle(page)
    shot(page, "start")
    page.set_input_files("[data-testid=stFileUploader] input", PICTURES[language])
    page.locator(".list .row").first.wait_for()
    page.locator(".list .row").nth(2).click()
    settle(page)
    shot(page, "describe")
    go(page, "correct")
    page.locator(".grid table").first.wait_for()
    settle(page)
    page.locator(".grid table").first.scroll_into_view_if_needed()
    page.locator("[data-testid=stMain]").evaluate("e => e.scrollTop += 420")
    settle(page)
    shot(page, "correct")
    go(page, "ocr")
    page.locator("[data-testid=stMain] button", has_text=PICTURES[language].name).click()
    page.locator(".list .row").first.wait_for()
    settle(page)
    shot(page, "ocr")
    go(page, "draw")
    page.locator(".editor textarea").wait_for()
    page.locator(".page img").wait_for()
    settle(page)
    shot(page, "draw")
    go(page, "batch")
    if page.locator(".results tr").count() == 0 and page.locator("[data-testid=stAlert]").count() == 0:
        page.set_input_files("[data-testid=stFileUploader] input", sorted(EXAMPLES.glob("*.png")))
        page.locator(".results tr[data-state=done]").nth(1).wait_for()
    settle(page)
    shot(page, "batch")
    go(page, "chat")
    settle(page)
    shot(page, "chat")
    go(page, "library")
    page.locator(".card img").nth(3).wait_for()
    settle(page)
    shot(page, "library")
    go(page, "history")
    page.locator(".card").first.wait_for()
    settle(page)
    shot(page, "history")
    go(page, "service")
    page.locator(".plot strong").first.wait_for()
    page.wait_for_timeout(6000)
    settle(page)
    shot(page, "service")
    context.close()


def phone(chromium: Any, place: str, out: Path) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, device_scale_factor=1, has_touch=True)
    context.add_cookies([{"name": "diascribe_lang", "value": "en", "url": place}])
    context.set_default_timeout(WAIT)
    page = context.new_page()
    page.goto(place)
    page.locator(".card img").last.wait_for()
    settle(page)
    keep(page, out, "phone-start")
    page.set_input_files("[data-testid=stFileUploader] input", PICTURES["en"])
    page.locator(".list .row").first.wait_for()
    settle(page)
    keep(page, out, "phone-describe")
    page.goto(f"{place}/draw")
    page.locator(".page img").wait_for()
    settle(page)
    keep(page, out, "phone-draw")
    context.close()


def go(page: Any, name: str) -> None:
    page.locator(f"[data-testid=stSidebarNav] a[href$='/{name}']").click()
    page.wait_for_url(f"**/{name}*")
    settle(page)


def settle(page: Any) -> None:
    """Wait until nothing is at work any more."""
    page.wait_for_timeout(500)
    page.wait_for_function("!document.querySelector('[data-testid=stApp][data-test-script-state=running]')")
    page.wait_for_timeout(700)


def keep(page: Any, out: Path, name: str) -> None:
    """A PNG of 128 colours: a quarter of the size, and nobody sees it."""
    with Image.open(io.BytesIO(page.screenshot())) as whole:
        whole.convert("RGB").quantize(128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
            out / f"{name}.png", optimize=True
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screenshots")
