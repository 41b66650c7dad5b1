"""The benches on netlists of 45 nm cells: units and cores, to the end, with cycles and times.

On Icarus with the library's own models, every flip-flop unknown at the start; on Verilator behind
a shell whose cells are evaluated by the functions of the library, 64 random states of all
flip-flops side by side, which must agree on every stream (docs/energy.md).

Usage: python bench/gates.py [--only TEXT] [--jobs N] [--json FILE] [--markdown FILE]
"""

import argparse
import json
import os
import sys
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from rich.progress import Progress

# The benches are no part of the package.
sys.path.insert(0, str(Path(__file__).parent.parent))

from tb.lib.bench import PERIOD
from tb.lib.build import verilog
from tb.lib.run import Case, bench_config, run_case

from dstc_hdl.asic.library import find_library
from dstc_hdl.asic.tools import tool_versions
from dstc_hdl.emit import build_folder
from dstc_hdl.emit.tools import icarus_version, verilator_version

SHARED = {"multiplier": "arith", "adder": "arith", "operand_buffer_a": "operand_buffer",
          "operand_buffer_b": "operand_buffer"}
"""Benches that are not named after their unit."""

UNITS = ("multiplier", "adder", "dispatcher", "operand_buffer_a", "operand_buffer_b",
         "step_walker", "ohmma_expander", "operand_crossbar", "operand_collector",
         "outer_product_array", "accumulation_buffer", "c_load", "drain", "performance_counters",
         "bitmap_unit", "bank_picker")
CORES = ("core", "dense_twin", "structured_twin")
# A core of cells runs four cycles in a second on Icarus, so of its bench a few products only.
CASES = (*(Case(core, core, "small", "verilator", "gates") for core in CORES),
         Case("core", "core", "tiny", "icarus", "gates", "products|hard_tiles"),
         *(Case(unit, SHARED.get(unit, unit), "tiny", "icarus", "gates") for unit in UNITS))
"""The longest first."""

SEED = 1


def run(case: Case) -> dict:
    """One bench; its tests with their cycles and seconds, or why it failed."""
    # What the benches are run with by pytest.
    os.environ["DSTC_TB_RUNS"] = "1"
    started = time.perf_counter()
    failure = run_case(case, SEED, False)
    results = build_folder() / "tb" / case.name / "results.xml"
    tests = [] if failure else [
        {"test": test.get("name"), "seconds": round(float(test.get("time", 0)), 1),
         "cycles": round(float(next(item.get("value", "0") for item in test.iter("property")
                                    if item.get("name") == "sim_time_duration"))) // PERIOD}
        for test in ElementTree.parse(results).iter("testcase")]
    manifest = verilog(case.unit, bench_config(case.config)) / f"dstc_{case.unit}.json"
    return {"unit": case.unit, "config": case.config, "simulator": case.simulator,
            "verilog": json.loads(manifest.read_text())["verilog"]["sha256"][:12],
            "seed": SEED, "tests": tests, "seconds": round(time.perf_counter() - started, 1),
            "failure": failure}


def page(rows: list[dict], tools: dict[str, str]) -> str:
    """The page docs/results/gates.md."""
    passed = sum(not row["failure"] for row in rows)
    lines = ["# Benches on netlists of cells", "",
             "Made by `make gates` with "
             + ", ".join(f"{name} {version}" for name, version in tools.items())
             + ". Seed 1; seconds include synthesis where the "
             "netlist was not in the cache. What runs how: [energy.md](../energy.md), "
             "`tb/README.md`.", "",
             f"{passed} of {len(rows)} pass.", "",
             "| unit | configuration | Verilog | simulator | cycles | tests | seconds | |",
             "|---|---|---|---|--:|---|--:|---|"]
    for row in rows:
        cycles = sum(test["cycles"] for test in row["tests"])
        names = ", ".join(test["test"] for test in row["tests"])
        lines.append(f"| {row['unit']} | {row['config']} | {row['verilog']} "
                     f"| {row['simulator']} | {cycles:,} | {names} | {row['seconds']:,.0f} "
                     f"| {'fails' if row['failure'] else 'passes'} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the benches; exit code 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="cases whose name has this text")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    for name in ("--json", "--markdown"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    cases = [case for case in CASES if arguments.only in case.name]
    tools = {**tool_versions(find_library("asic45")), "icarus": icarus_version(),
             "verilator": verilator_version()}
    rows = {}
    with Progress() as progress, ProcessPoolExecutor(arguments.jobs) as pool:
        bar = progress.add_task("benches", total=len(cases))
        waiting = {pool.submit(run, case): case for case in cases}
        for done in as_completed(waiting):
            row = done.result()
            rows[waiting[done].name] = row
            progress.console.print(f"{waiting[done].name}: {row['seconds']:.0f} s"
                                   + (f"\n{row['failure']}" if row["failure"] else ""))
            progress.advance(bar)
    ordered = [rows[case.name] for case in cases]
    if arguments.json:
        arguments.json.write_text(json.dumps({"tools": tools, "runs": ordered}, indent=1) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text(page(ordered, tools))
    if any(row["failure"] for row in ordered):
        sys.exit(1)


if __name__ == "__main__":
    main()
