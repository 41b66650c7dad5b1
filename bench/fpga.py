"""Builds a board with the packaged open tools; fails if its clock is not met.

Writes the bitstream to build/fpga/BOARD/top.bit, and utilisation, clock and times to
docs/results/fpga.json and fpga.md, which hold the last build of every board.

Usage: python bench/fpga.py BOARD [--results FOLDER] [--seed N]
"""

import argparse
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from dstc.errors import DstcError
from dstc_hdl.board.boards import BOARDS, Board, get_board
from dstc_hdl.board.build import TOOLS, BuildReport, build, find_tool
from dstc_hdl.emit import build_folder

CELLS = {"TRELLIS_COMB": "LUTs (4 inputs), carries and LUT memory", "TRELLIS_FF": "flip-flops",
         "TRELLIS_RAMW": "write ports of LUT memory", "DP16KD": "block RAM, 18 kbit",
         "MULT18X18D": "multipliers, 18 x 18", "TRELLIS_IO": "pins"}


def result_of(board: Board, report: BuildReport, seed: int) -> dict:
    """What is kept of a build."""
    core = board.accelerator.core
    return {
        "board": board.name, "platform": board.platform.partition(":")[2],
        "content": "bare core" if board.bare else "accelerator",
        "config": core.to_dict(), "memory_bytes": board.memory_bytes, "baud": board.baud,
        "clock_mhz": report.clock, "fmax_mhz": round(report.fmax, 2),
        "timing_met": report.fmax >= report.clock, "longest_path": report.longest_path,
        "utilization": report.utilization, "bitstream_bytes": report.bitstream.stat().st_size,
        "seconds": report.seconds, "seed": seed,
        "revision": revision(),
        "tools": {**{tool.removeprefix("yowasp-"): tool_version(tool) for tool in TOOLS},
                  **{name: version(name) for name in ("amaranth", "amaranth-boards")}},
    }


def revision() -> str | None:
    """The commit that was built, if this is a checkout."""
    done = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=7"],
                          cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return None if done.returncode else done.stdout.strip()


def tool_version(tool: str) -> str:
    """What a tool says it is, without the wrapper's words."""
    done = subprocess.run([find_tool(tool), "--version"], capture_output=True, text=True,
                          check=False)
    words = (done.stdout + done.stderr).replace("(", " ").replace(")", " ").split()
    return next(word.removeprefix("nextpnr-") for word in words
                if any(letter.isdigit() for letter in word) and "-ecp5" not in word)


def page(results: dict[str, dict]) -> str:
    """The page docs/results/fpga.md."""
    lines = ["# FPGA", "",
             "Placed and routed by packaged open tools; clock by static timing of nextpnr, which "
             "knows the slowest grade of the part and no temperature. How to build and use a "
             "board: [fpga.md](../fpga.md).", ""]
    for result in results.values():
        lines += [*_section(result), ""]
    return "\n".join(lines)


def _section(result: dict) -> list[str]:
    core = result["config"]
    lines = [
        f"## {result['board']}", "",
        f"Made by `make fpga BOARD={result['board']}` with "
        + ", ".join(f"{name} {number}" for name, number in result["tools"].items())
        + f", seed {result['seed']}, from revision {result['revision']}.", "",
        "| | |", "|---|---|",
        f"| on it | {result['content']}, {core['name']}: tile {core['tile_m']} x {core['tile_n']} "
        f"x {core['tile_k']}, {core['array_rows']} x {core['array_cols']} multipliers, "
        f"{core['element']}, collector {core['collector_entries']}, adder "
        f"{core['adder_latency']}, slots {core['slots']} |",
        f"| memory | {result['memory_bytes'] >> 10} KiB of block RAM |",
        f"| serial line | {result['baud']:,} baud |",
        f"| clock | {result['clock_mhz']:.2f} MHz |",
        f"| reached | {result['fmax_mhz']:.2f} MHz: timing "
        + ("met" if result["timing_met"] else "**not met**") + " |",
        f"| longest path | `{result['longest_path'][0]}` to `{result['longest_path'][1]}` |",
        f"| bitstream | {result['bitstream_bytes']:,} bytes |"]
    for kind, cells in result["utilization"].items():
        if kind in CELLS:
            lines.append(f"| {CELLS[kind]} | {cells['used']:,} of {cells['available']:,} "
                         f"({cells['used'] / cells['available']:.0%}) |")
    times = ", ".join(f"{tool} {seconds:,.0f} s" for tool, seconds in result["seconds"].items())
    return [*lines, f"| wall time | {times} |"]


def write(result: dict, folder: Path) -> None:
    """Put a result among those of the other boards."""
    path = folder / "fpga.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    results = {name: {**results, result["board"]: result}[name] for name in BOARDS
               if name in results or name == result["board"]}
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (folder / "fpga.md").write_text(page(results), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("board", help=", ".join(BOARDS))
    parser.add_argument("--results", type=Path, help="folder of fpga.json and fpga.md")
    parser.add_argument("--seed", type=int, default=1, help="of the placement (1)")
    options = parser.parse_args()
    try:
        board = get_board(options.board)
        report = build(board, build_folder() / "fpga" / board.name, seed=options.seed,
                       progress=lambda what: print(f"{board.name}: {what}", flush=True))
        if options.results:
            write(result_of(board, report, options.seed), options.results)
        report.require_timing()
    except DstcError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{board.name}: {report.fmax:.2f} MHz of {report.clock:.2f}, {report.bitstream}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
