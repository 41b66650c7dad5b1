"""The report in headless Chromium: silent consoles, plots drawn, keys, the width of a phone."""

import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

DOCS = Path(__file__).resolve().parents[3] / "docs"
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium; apt-get install --no-install-recommends chromium")

# Milliseconds, for machines that have other things to do.
PATIENCE = 180_000
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1200, "height": 900}
# Share of the pixels of a canvas that something was painted on.
PAINTED = """canvas => {
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let at = 3; at < data.length; at += 4) count += data[at] > 0;
  return count / (data.length / 4);
}"""


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as driver:
        # The sandbox of Chromium refuses to run as root, as in a container.
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"],
                                        timeout=PATIENCE)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser, report):
    """Opens pages of the report; whatever they complain about or ask the network for fails."""
    complaints, contexts = [], []

    def opened(name, viewport=DESK):
        context = browser.new_context(viewport=viewport, offline=True)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(f"{name}: {said.type}: {said.text}"))
        page.on("pageerror", lambda error: complaints.append(f"{name}: {error}"))
        page.on("requestfailed", lambda asked: complaints.append(f"{name}: no {asked.url}"))
        page.on("request", lambda asked: asked.url.startswith(("file:", "data:"))
                or complaints.append(f"{name}: asks for {asked.url}"))
        page.goto((report / name).as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not complaints


def test_fixture_sees_complaints(browser, report, tmp_path):
    """A page with an error, a missing picture and a wide line is seen to have them."""
    bad = tmp_path / "bad.html"
    bad.write_text("<body><img src=none.png><p style='width:900px'>x<script>nothing()</script>",
                   encoding="ascii")
    page = browser.new_page(viewport=PHONE)
    said = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda asked: said.append(asked.url))
    page.goto(bad.as_uri())
    assert len(said) == 2 and _too_wide(page) and not _pictures_drawn(page)
    page.close()


def _too_wide(page):
    return page.evaluate("document.documentElement.scrollWidth > innerWidth")


def _pictures_drawn(page):
    return page.evaluate("[...document.images].every(one => one.complete && one.naturalWidth > 0)")


def test_every_page_on_a_phone(visit, report):
    """No page scrolls sideways at 390 pixels, and every picture and bar is drawn."""
    names = sorted(path.name for path in report.glob("*.html"))
    assert len(names) > 15
    for name in names:
        page = visit(name, PHONE)
        assert not _too_wide(page), name
        assert _pictures_drawn(page), name
        # Bars that stand for more than nothing have a width.
        assert page.evaluate("[...document.querySelectorAll('.plot i')].every("
                             "one => one.style.width === '0.00%' || one.clientWidth > 0)"), name


def test_index(visit, report):
    """Plots of the first page, and its links by keys alone."""
    page = visit("index.html")
    assert page.locator(".plot").count() >= 10 and page.locator("img").count() >= 4
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "tile.html"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**/tile.html")


def test_map(visit):
    """Cells, lines and layers of the break-even map; arrow keys move, and the sentence follows."""
    page = visit("breakeven.html", PHONE)
    assert page.locator("#map rect:not(.cursor)").count() == 32 * 32
    assert page.locator("#map path").count() >= 4
    layers = json.loads((DOCS / "results/convolution.json").read_text(encoding="utf-8"))["rows"]
    assert page.locator("#map circle").count() == len(layers) > 20
    shades = page.evaluate("new Set([...document.querySelectorAll('#map rect:not(.cursor)')]"
                           ".map(one => getComputedStyle(one).fill)).size")
    assert shades > 20
    told = page.locator("#told")
    page.locator("#map").focus()
    assert "A 53.1%, B 53.1%" in told.inner_text()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    assert "A 50.0%, B 56.3%" in told.inner_text()
    for _ in range(40):
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowUp")
    assert "A 100.0%, B 100.0%" in told.inner_text()
    assert "beats none of them" in told.inner_text()
    # The staircase, by keys: from "independent" over "runs" to "even".
    page.locator("[name=pattern]").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert "staircase" in page.locator("#meaning").inner_text()
    before = page.locator("#map path").count()
    page.locator("[name=line]").first.focus()
    page.keyboard.press("Space")
    assert page.locator("#map path").count() < before


def test_tile(visit):
    """The animation of a tile: canvases painted, steps and play by keys."""
    page = visit("tile.html", PHONE)
    canvases = page.locator("canvas").all()
    assert len(canvases) == 4
    for canvas in canvases:
        assert canvas.evaluate(PAINTED) > .05
    status = page.locator("#status")
    page.keyboard.press("Home")
    assert "Cycle 0 of" in status.inner_text()
    page.keyboard.press("ArrowRight")
    assert "Cycle 1 of" in status.inner_text()
    page.keyboard.press("Space")
    expect(status).not_to_contain_text("Cycle 1 of", timeout=PATIENCE)
    page.keyboard.press("Space")
    page.keyboard.press("End")
    last = page.evaluate("LAST")
    assert f"Cycle {last} of {last}" in status.inner_text()
