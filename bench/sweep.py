"""The example sweep of docs/sweep.md: cycles, area and time of variants of tiny, small and paper.

Usage: python bench/sweep.py [--synthesise NAME ...] [--results FOLDER]
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from rich.progress import Progress

from dstc_hdl.emit import build_folder
from dstc_sim.sweep import Store, read_space, sweep
from dstc_sim.sweep.area import area_of
from dstc_sim.sweep.picture import draw
from dstc_sim.sweep.run import processes
from dstc_sim.sweep.terminal import HEADS, notes, rows

SPACE = Path(__file__).with_suffix(".toml")
TARGET = "asic45"


def page(report: dict[str, Any], picture: bool) -> str:
    """The page docs/results/sweep.md."""
    heads = [*HEADS, "area from"]
    sources = [row["area"]["source"] if row["area"] else "" for row in report["configs"]]
    lines = ["# A sweep", "", "Variants of `tiny`, `small` and `paper` in `bench/sweep.toml`; the "
             "columns are those of [sweep.md](../sweep.md).", "",
             f"Made by `make sweep` with numpy {report['numpy']}, cycle model {report['model']}; "
             f"areas on {TARGET}, see [area.md](../area.md).", ""]
    lines += ["![Time against area](sweep.svg)", ""] if picture else []
    lines += ["| " + " | ".join(heads) + " |", "|---|" + "--:|" * (len(HEADS) - 1) + "---|"]
    lines += ["| " + " | ".join((*row, source)) + " |"
              for row, source in zip(rows(report), sources, strict=True)]
    lines += ["", *(f"- {note}" for note in notes(report)), "", "## Cycles", ""]
    names = [workload["name"] for workload in report["workloads"]]
    lines += ["| config | " + " | ".join(names) + " |", "|---|" + "--:|" * len(names)]
    cycles = {(one["config"], one["workload"]): one["cycles"] for one in report["points"]}
    lines += [f"| {row['config']} | " + " | ".join(
        f"{cycles[row['config'], name]:,}" for name in names) + " |" for row in report["configs"]]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run what is missing, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--synthesise", nargs="+", default=[], metavar="NAME",
                        help="bases whose variants are synthesised if no area of them is known")
    parser.add_argument("--results", type=Path, help="folder for sweep.json, .md and .svg")
    arguments = parser.parse_args()
    space = read_space(SPACE)
    with Progress() as progress:
        task = progress.add_task("tasks", total=len(space.configs) * len(space.workloads))

        def area(config: Any) -> dict[str, Any] | None:
            wanted = config.name.startswith(tuple(arguments.synthesise))
            return area_of(config, TARGET, "synthesise" if wanted else "cached",
                           lambda name: progress.console.log(f"synthesis: {name}"))

        report = sweep(space, Store(build_folder() / "sweep"),
                       lambda: processes(os.cpu_count() or 1), area, progress.console.log,
                       lambda done: progress.advance(task, done))
    if report["failed"]:
        raise SystemExit(report["failed"][0]["reason"])
    picture = draw(report)
    files = {"sweep.json": json.dumps(report, indent=1).encode() + b"\n",
             "sweep.md": page(report, picture is not None).encode()}
    if picture is not None:
        files["sweep.svg"] = picture
    for name, content in files.items() if arguments.results else ():
        (arguments.results / name).write_bytes(content)
    print(files["sweep.md"].decode())


if __name__ == "__main__":
    main()
