"""Small units as generic gates, by a Yosys that every installation has, and as 45 nm cells."""

import contextlib
import json
import re
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from dstc.config import get_config
from dstc.errors import DstcError
from dstc_hdl.accumulator import AccumulatorBank, hazard_distance
from dstc_hdl.arith import make_adder, make_multiplier
from dstc_hdl.asic.library import find_library
from dstc_hdl.asic.synthesis import synthesize
from dstc_hdl.asic.tools import call, find_yosys, tool_versions
from dstc_hdl.bank_picker import BankPicker
from dstc_hdl.bitmap_unit import BitmapUnit
from dstc_hdl.collector import OperandCollector
from dstc_hdl.crossbar import OperandCrossbar
from dstc_hdl.dispatcher import Dispatcher
from dstc_hdl.emit import Emitted, content_key, emit, publish
from dstc_hdl.emit.tools import generator_versions
from dstc_hdl.sequencer import StepWalker

__all__ = ["UNITS", "measure_units", "unit_tools"]

PAPER, INT8, TINY = map(get_config, ("paper", "paper-int8", "tiny"))
UNITS = {
    "multiplier of paper": partial(make_multiplier, PAPER),
    "adder of paper": partial(make_adder, PAPER),
    "multiplier of paper-int8": partial(make_multiplier, INT8),
    "accumulator bank of tiny": partial(AccumulatorBank, TINY),
    "bank picker of tiny": partial(BankPicker, TINY, hazard_distance(TINY)),
    "collector of tiny": partial(OperandCollector, TINY, hazard_distance(TINY)),
    "crossbar of tiny": partial(OperandCrossbar, TINY),
    "bitmap unit of tiny": partial(BitmapUnit, TINY),
    "walker of tiny": partial(StepWalker, TINY),
    "dispatcher of tiny": partial(Dispatcher, TINY),
}
"""What is synthesised: units that decide area or clock, small enough for every run of the tests."""

IN_CELLS = ("multiplier of paper", "adder of paper", "bank picker of tiny", "bitmap unit of tiny")
TARGET = "asic45"
SCRIPT = """
read_verilog {name}.v
synth -flatten -top {name}
tee -q -o {name}.json stat -json
tee -q -o {name}.txt ltp -noff
design -reset
"""


def unit_tools() -> dict[str, str]:
    """Versions of what makes the figures; ``cells`` only where the library is installed."""
    tools = {name: version for name, version in generator_versions().items() if name != "dstc"}
    tools["yosys"] = call([find_yosys(), "--version"], Path.cwd()).split()[1]
    with contextlib.suppress(DstcError):
        tools["cells"] = tool_versions(find_library(TARGET))["cells"]
    return tools


def measure_units() -> dict[str, dict[str, Any]]:
    """Each unit's ``gates`` (of at most three inputs), ``flip_flops``, ``depth`` (gates on the
    longest path between flip-flops and ports) and, of some, ``um2`` where there are cells."""
    emitted = {title: emit(make(), re.sub(r"\W", "_", title)) for title, make in UNITS.items()}
    figures = _generic(list(emitted.values()))
    found = {title: figures[one.name] for title, one in emitted.items()}
    try:
        library = find_library(TARGET)
    except DstcError:
        return found
    for title in IN_CELLS:
        found[title]["um2"] = round(synthesize(emitted[title], library).area, 1)
    return found


def _generic(units: list[Emitted]) -> dict[str, dict[str, Any]]:
    """All units in one run of Yosys, from the cache if none of them has changed."""
    script = "".join(SCRIPT.format(name=unit.name) for unit in units)
    key = content_key(script, [unit.verilog for unit in units], unit_tools()["yosys"])

    def make(folder: Path) -> None:
        # Yosys in WebAssembly sees nothing but its own folder below the temporary one.
        with tempfile.TemporaryDirectory() as scratch:
            work = Path(scratch)
            for unit in units:
                (work / f"{unit.name}.v").write_text(unit.verilog)
            (work / "script.ys").write_text(script)
            call([find_yosys(), "-q", "-s", "script.ys"], work)
            (folder / "units.json").write_text(json.dumps(
                {unit.name: _figures(work, unit.name) for unit in units}))

    found: dict[str, dict[str, Any]] = json.loads(
        (publish("generic-gates", key, make) / "units.json").read_text())
    return found


def _figures(folder: Path, name: str) -> dict[str, Any]:
    kinds = json.loads((folder / f"{name}.json").read_text())["design"]["num_cells_by_type"]
    flops = sum(count for kind, count in kinds.items() if "DFF" in kind)
    gates = sum(count for kind, count in kinds.items() if kind.startswith("$_")) - flops
    depth = re.search(r"\(length=(\d+)\)", (folder / f"{name}.txt").read_text())
    if depth is None:
        raise SystemExit(f"Yosys must tell the longest path of {name}, which it does not")
    return {"gates": gates, "flip_flops": flops, "depth": int(depth[1])}
