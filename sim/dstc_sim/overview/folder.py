"""The folder of the report."""

import contextlib
import io
import json
import shlex
import tempfile
from html import escape
from pathlib import Path

import numpy as np

from dstc.errors import DstcError
from dstc.fileio import atomic_write
from dstc.pruned_cnn import Network, load_digits
from dstc.pruned_cnn.exchange import onnx_model

from ..cli import main as dstc
from .markdown_page import inline_svg, render_markdown
from .pages import COMMANDS, frame, index_page, with_navigation
from .plots import area_bars, headlines, network_bars, workload_bars
from .sections import GROUPS, Section

__all__ = ["build"]

PLOTS = {"network": network_bars, "workloads": workload_bars, "area": area_bars}
DIGIT = 7
LAYERS = Path("docs/results/convolution.json")


def build(out: Path, docs: Path) -> Path:
    """Write the report.

    Every page is made before the first is written, and each replaces its predecessor in one step.

    Parameters
    ----------
    out : Path
        Folder, made when missing: ``index.html``, ``tile.html``, ``network-profile.html``,
        ``breakeven.html`` and a page for each result that is there.
    docs : Path
        With ``machine.svg`` and ``results/``.

    Returns
    -------
    Path
        The first page.

    Raises
    ------
    DstcError
        If one of the commands that the pages come from refuses.
    OSError
        If ``machine.svg`` is not there.
    """
    machine = inline_svg(docs / "machine.svg")
    results = docs / "results"
    sections = [section for group in GROUPS.values() for section in group]
    there = {path.stem for path in results.glob("*.md")}
    with tempfile.TemporaryDirectory() as folder:
        content = _made(Path(folder), results)
    for name in there:
        content[f"{name}.html"] = frame(
            name, f"<article>{render_markdown(results / f'{name}.md', there)}</article>").encode()
    blocks = {heading: [_block(section, results, section.name in there) for section in group]
              for heading, group in GROUPS.items()}
    rest = sorted(there - {section.name for section in sections})
    if rest:
        blocks["More tables"] = ["<ul>" + "".join(
            f'<li><a href="{name}.html">{escape(name)}</a></li>' for name in rest) + "</ul>"]
    first = headlines({name: json.loads((results / f"{name}.json").read_text(encoding="utf-8"))
                       for name in ("network", "area", "paper")
                       if (results / f"{name}.json").exists()})
    content["index.html"] = index_page(machine, first, blocks).encode()
    out.mkdir(parents=True, exist_ok=True)
    for name, page in content.items():
        with atomic_write(out / name) as file:
            file.write(page)
    return out / "index.html"


def _made(folder: Path, results: Path) -> dict[str, bytes]:
    """Pages that come from commands of dstc, run in a folder of their own."""
    (folder / "model.onnx").write_bytes(onnx_model(Network.load()).SerializeToString())
    np.save(folder / "digit.npy", load_digits()[0][DIGIT][None, None].astype(np.float32))
    for command in COMMANDS.values():
        words = shlex.split(command)[1:]
        if not (results / LAYERS.name).exists() and str(LAYERS) in words:
            at = words.index(str(LAYERS))
            del words[at - 1:at + 1]
        _run([str(results / LAYERS.name) if word == str(LAYERS)
              else str(folder / word) if "." in word else word for word in words])
    content = {name: with_navigation((folder / name).read_text(encoding="utf-8"), name).encode()
               for name in COMMANDS}
    for name in ("breakeven.png", "breakeven.json"):
        content[name] = (folder / name).read_bytes()
    return content


def _run(words: list[str]) -> None:
    """A command of dstc; what it says goes nowhere, unless it refuses."""
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        code = dstc(words)
    if code:
        raise DstcError(f"Command dstc {words[0]} must end well for the report, not say: "
                        f"{said.getvalue().strip()}")


def _block(section: Section, results: Path, there: bool) -> str:
    """A section of the first page."""
    head = f"<h3>{escape(section.title)}</h3><p>{escape(section.about)}"
    if not there:
        return (f"<section>{head} <em>Not there yet: <code>make {section.target}</code> makes "
                "it.</em></p></section>")
    plot = ""
    data = results / f"{section.name}.json"
    if section.name in PLOTS and data.exists():
        plot = PLOTS[section.name](json.loads(data.read_text(encoding="utf-8")))
    pictures = "".join(
        f'<img class="wide" alt="{escape(section.title)}: {escape(name)}" '
        f'src="{inline_svg(results / f"{name}.svg")}">'
        for name in section.pictures if (results / f"{name}.svg").exists())
    return (f'<section>{head} <a href="{section.name}.html">Table</a>; '
            f"<code>make {section.target}</code> makes it.</p>{plot}{pictures}</section>")
