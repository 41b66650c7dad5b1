"""A page of docs/results as HTML that needs nothing else."""

import base64
import xml.etree.ElementTree as etree
from pathlib import Path

import markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor

__all__ = ["inline_svg", "render_markdown"]


def inline_svg(path: Path) -> str:
    """The picture as a data address."""
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode()


class _Local(Treeprocessor):
    """Links lead only to pages that are there, pictures come along, wide tables scroll."""

    def __init__(self, folder: Path, pages: set[str]) -> None:
        super().__init__()
        self._folder, self._pages = folder, pages

    def run(self, root: etree.Element) -> None:
        for parent in list(root.iter()):
            for place, node in enumerate(list(parent)):
                if node.tag == "table":
                    box = etree.Element("div", {"class": "scroll", "tabindex": "0",
                                                "role": "region", "aria-label": "Table"})
                    box.append(node)
                    parent[place] = box
        for node in root.iter("a"):
            target = Path(node.get("href", "")).name
            if target.endswith(".md") and target.removesuffix(".md") in self._pages:
                node.set("href", target.removesuffix(".md") + ".html")
            elif not node.get("href", "").startswith("#"):
                node.tag = "span"
                node.attrib.clear()
        for node in root.iter("img"):
            node.set("src", inline_svg(self._folder / node.get("src", "")))
            node.set("class", "wide")


class _LocalLinks(Extension):
    def __init__(self, folder: Path, pages: set[str]) -> None:
        super().__init__()
        self._local = _Local(folder, pages)

    def extendMarkdown(self, md: markdown.Markdown) -> None:
        # After the inline patterns have made the links.
        md.treeprocessors.register(self._local, "local", 5)


def render_markdown(path: Path, pages: set[str]) -> str:
    """The HTML of a page.

    Parameters
    ----------
    path : Path
    pages : set of str
        Names of the results that have a page; links to others become plain text.
    """
    return markdown.markdown(path.read_text(encoding="utf-8"),
                             extensions=["tables", "fenced_code", _LocalLinks(path.parent, pages)])
