"""Hook of MkDocs: the order of the pages; a page that is not listed here comes last."""

from pathlib import Path
from typing import Any

__all__ = ["on_config"]

SECTIONS = {
    "How to": ["howto/onnx-model.md", "howto/soc.md", "howto/unit.md", "howto/dataflow.md"],
    "The machine": ["architecture.md", "isa.md", "format.md", "numerics.md", "convolution.md",
                    "convolution-words.md", "twin.md"],
    "The accelerator": ["accelerator.md", "registers.md", "memory.md", "bundle.md", "device.md",
                        "fpga.md"],
    "Models": ["networks.md", "cycle-model.md", "explain.md", "models.md", "breakeven.md",
               "sweep.md", "adversaries.md"],
    "Cost": ["area.md", "energy.md"],
}
FOLDERS = {"Results": "results", "Decisions": "decisions"}


def on_config(config: Any) -> Any:
    """Fill in the navigation."""
    docs = Path(config.docs_dir)
    nav: list[Any] = ["index.md"]
    for title, names in SECTIONS.items():
        nav.append({title: [name for name in names if (docs / name).exists()]})
    listed = {name for names in SECTIONS.values() for name in names} | {"index.md"}
    rest = sorted({path.name for path in docs.glob("*.md")} - listed)
    nav += [{"More": rest}] if rest else []
    nav += [{title: sorted(f"{folder}/{path.name}" for path in (docs / folder).glob("*.md"))}
            for title, folder in FOLDERS.items()]
    config.nav = nav
    return config
