"""Macros for memories, priced by CACTI 7.

The sources of CACTI come inside a Python package, whose own binary asks for a newer C library than
many machines have; ``scripts/area_tools.sh`` builds them.  Nothing of them is part of this project.
"""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..emit import build_folder, content_key, publish
from .memories import MemoryShape
from .tools import SynthesisError, call

__all__ = ["NODES", "Macro", "find_cacti", "macro"]

NODES = {"asic45": 0.045}
"""Feature size in micrometres of the targets that CACTI knows (22 to 90 nm)."""

MODEL = """
-size (bytes) {size}
-block size (bytes) {block}
-associativity 1
-read-write port 0
-exclusive read port 1
-exclusive write port 1
-UCA bank count 1
-technology (u) {node}
-output/input bus width {width}
-tag size (b) 0
-cache type "ram"
"""


@dataclass(frozen=True)
class Macro:
    """A compiled memory: square micrometres, nanoseconds to its data, picojoule of a read."""

    area: float
    access: float
    read_energy: float


def find_cacti() -> Path | None:
    """The folder with CACTI, None if it has not been built."""
    folder = build_folder() / "cacti" / "hwcomponents_cacti"
    return folder if (folder / "cacti" / "cacti").is_file() else None


def macro(shape: MemoryShape, target: str) -> Macro | str:
    """A memory of one shape as macros with one read and one write port, a copy per read port.

    Words are rounded up to whole bytes.

    Returns
    -------
    Macro or str
        Area of all copies together; the reason if it is none: a macro answers in the cycle after
        and is written through one port.

    Raises
    ------
    SynthesisError
        If CACTI is missing or fails in an unknown way.
    """
    if target not in NODES:
        return f"CACTI has no model of {target}"
    if not shape.registered:
        return "read without a register"
    if shape.writes != 1:
        return f"{shape.writes} write ports"
    home = find_cacti()
    if home is None:
        raise SynthesisError("Macros must be priced by CACTI, which is not built "
                             "(scripts/area_tools.sh builds it)")
    block = -(-shape.width // 8)
    default = (home / "default_cfg.cfg").read_text().replace("\r", "")
    text = default + MODEL.format(size=block * shape.depth, block=block, node=NODES[target],
                                  width=8 * block)

    def make(folder: Path) -> None:
        # CACTI finds its technology files from the folder that it runs in.
        with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
            file.write(text)
            file.flush()
            try:
                said = call([str(home / "cacti" / "cacti"), "-infile", file.name], home / "cacti")
            except SynthesisError as error:
                said = str(error)
        (folder / "cacti.txt").write_text(said)

    said = (publish("cacti", content_key(text), make) / "cacti.txt").read_text()
    if "no valid data array organizations" in said or "Cache size must" in said:
        return "too small for CACTI"
    return Macro(shape.reads * 1e6 * _figure(said, r"Data array: Area \(mm2\)"),
                 _figure(said, r"Access time \(ns\)"),
                 1e3 * _figure(said, r"Total dynamic read energy per access \(nJ\)"))


def _figure(said: str, name: str) -> float:
    found = re.search(name + r":\s*([\d.e+-]+)", said)
    if not found:
        raise SynthesisError(f"CACTI must report {name!r}, not {said.strip()[-300:]!r}")
    return float(found[1])
