"""The documentation site: every warning is an error, and nothing comes from elsewhere."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = shutil.which("chromium")


def build(settings, out):
    """Exit code and messages of a strict build."""
    done = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "-f", settings,
                           "-d", out], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    code, said = build(ROOT / "mkdocs.yml", out)
    assert code == 0, said
    return out


def test_every_page(site):
    """Each page of docs/ is a page of the site and in its navigation."""
    names = {path.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
             for path in (ROOT / "docs").rglob("*.md")}
    home = (site / "index.html").read_text(encoding="utf-8")
    linked = set(re.findall(r'href="([\w/-]+\.html)"', home))
    assert names - linked == {"index.html"} - linked
    assert all((site / name).is_file() for name in names)


def test_nothing_from_elsewhere(site):
    """No page loads anything over a network; links that a reader follows may lead there."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'src="(?:https?:)?//[^"]*', text), page
        assert not re.findall(r'<link[^>]*href="(?:https?:)?//[^"]*', text), page


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium; apt-get install "
                                             "--no-install-recommends chromium")
def test_in_browser(site):
    """Pages opened as files: no complaint, and no scrolling sideways on a phone."""
    from playwright.sync_api import sync_playwright

    complaints = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"],
                                         timeout=180_000)
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda asked: complaints.append(asked.url))
        for name in ("index", "isa", "area", "howto/unit", "results/price"):
            page.goto((site / f"{name}.html").as_uri())
            assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), name
        browser.close()
    assert not complaints


@pytest.mark.parametrize("text, complaint", [
    ("[a](none.md)", "none.md"), ("[a](#nowhere)", "nowhere"), ("[a](/etc/x)", "absolute")])
def test_strict(tmp_path, text, complaint):
    """A link that leads nowhere stops the build."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text(f"# A page\n\n{text}\n", encoding="ascii")
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").replace(
        "scripts/docs_nav.py", str(ROOT / "scripts/docs_nav.py"))
    (tmp_path / "mkdocs.yml").write_text(settings.replace("build/site", "out"), encoding="utf-8")
    code, said = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert code != 0 and complaint in said
