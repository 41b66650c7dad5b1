"""Whole networks on the core: the project's pruned CNN, and Deep-Compressed SqueezeNet.

Usage: python bench/network_run.py [--squeezenet FILE.net] [--images N] [--rtl-config NAME]
    [--json FILE] [--markdown FILE]
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dstc_hdl.emit.tools import verilator_version

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PACKAGES = ("dstc", "amaranth", "numpy", "onnx", "onnxruntime")
TILES = 2
"""Tiles of each layer of SqueezeNet on the Verilog."""


def measure(title: str, words: list[str], folder: Path) -> dict[str, Any]:
    """One run in a process of its own: what it prints, the command and the seconds.

    A wrong result is in the report, not an error here.
    """
    program = str(Path(sys.executable).with_name("dstc"))
    started = time.perf_counter()
    done = subprocess.run([program, "run", *words, "--json"], cwd=folder, stdout=subprocess.PIPE,
                          check=False)
    if not done.stdout:
        raise SystemExit(f"dstc run {' '.join(words)} ended with {done.returncode}")
    report = json.loads(done.stdout)
    return {"title": title, "command": " ".join(["dstc run", *words]), **report,
            "seconds": time.perf_counter() - started}


def passed(run: dict[str, Any]) -> bool:
    """Whether every layer is right in every bit and within its bound, and every answer the same."""
    return (run["total"]["bit_exact"] and run["total"]["within_bound"]
            and run["output"]["same_top1"] == 1)


def section(run: dict[str, Any]) -> list[str]:
    """One run in docs/results/network.md."""
    samples = run["samples"]
    count = "one image" if samples == 1 else f"{samples} images"
    lines = [f"## {run['title']}", "", f"`{run['command']}`, {run['seconds']:.0f} s.", "",
             "| layer | cycles | dense | speedup | largest difference | of its bound | tiles | "
             "on Verilog |", "|---|--:|--:|--:|--:|--:|--:|--:|"]
    for row in run["layers"]:
        tiles = row["tiles"] if run["engine"] == "rtl" else row["rtl_tiles"]
        lines.append(
            f"| {row['name']} | {row['cycles'] / samples:,.0f} | "
            f"{row['dense_cycles'] / samples:,.0f} | {row['speedup']:.2f}x | "
            f"{row['difference']:.1e} | {row['of_bound']:.1%} | {row['tiles']:,} | {tiles:,} |")
    total = run["total"]
    lines += [f"| total | {total['cycles'] / samples:,.0f} | "
              f"{total['dense_cycles'] / samples:,.0f} | {total['speedup']:.2f}x | | | | |", ""]
    wrong = [row["name"] for row in run["layers"] if not row["bit_exact"]]
    outside = [row["name"] for row in run["layers"] if not row["within_bound"]]
    lines.append(
        f"Configuration `{run['config']}`, engine `{run['engine']}`, {count}; cycles are those of "
        "one image. "
        + (f"Not bit-exact: {', '.join(wrong)}. " if wrong else "Every layer is bit-exact. ")
        + (f"Outside the bound: {', '.join(outside)}. " if outside
           else "Every difference is within its bound. ")
        + f"The first choice is that of ONNX Runtime in {run['output']['same_top1']:.1%}.")
    if run["accuracy"] is not None:
        lines.append(f"Accuracy: {run['accuracy']['core']:.1%} on the core, "
                     f"{run['accuracy']['onnxruntime']:.1%} in ONNX Runtime.")
    return [*lines, ""]


def page(report: dict[str, Any]) -> str:
    """docs/results/network.md."""
    return "\n".join([
        "# Networks on the core", "",
        "Each layer is computed by the engine, compared with the golden model in every bit and "
        "with ONNX Runtime, which is given the same inputs, by the bound of docs/networks.md; "
        "what is between the layers runs in ONNX Runtime. Engine `model` counts the cycles of the "
        "core alone; engine `rtl` runs the Verilog of the core with im2col unit and epilogue. "
        "Dense is a core of as many multipliers that skips nothing.", "",
        f"Made by `{report['command']}` with "
        + ", ".join(f"{name} {number}" for name, number in report["tools"].items())
        + f"; {report['machine']}.", "",
        *(line for run in report["runs"] for line in section(run)), *report["notes"], ""])


def cases(arguments: argparse.Namespace, folder: Path) -> list[tuple[str, list[str]]]:
    """Titles and words of the runs; makes their files."""
    def example(script: str, *words: object) -> None:
        subprocess.run([sys.executable, str(EXAMPLES / script), *map(str, words)], check=True,
                       stdout=subprocess.DEVNULL)

    example("pruned_cnn/export.py", "--out", folder / "pruned_cnn")
    digits = ["pruned_cnn/model.onnx", "--input", "pruned_cnn/images.npy", "--labels",
              "pruned_cnn/labels.npy"]
    found = [("Pruned CNN on the cycle model", [*digits, "--samples", str(arguments.images)]),
             ("Pruned CNN on the Verilog", [*digits, "--samples", "1", "--engine", "rtl",
                                            "--config", arguments.rtl_config])]
    if arguments.squeezenet is not None and arguments.squeezenet.is_file():
        example("squeezenet/build.py", arguments.squeezenet.resolve(), "--out",
                folder / "squeezenet")
        found.append(("SqueezeNet on the cycle model, tiles on the Verilog", [
            "squeezenet/model.onnx", "--input", "squeezenet/image.npy", "--rtl-tiles",
            str(TILES)]))
    return found


def main() -> int:
    """Run and write; the exit code is 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--squeezenet", type=Path, help="compressed_SqueezeNet.net")
    parser.add_argument("--images", type=int, default=100, help="digits on the cycle model")
    parser.add_argument("--rtl-config", default="paper")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        runs = [measure(title, words, Path(name)) for title, words in
                cases(arguments, Path(name))]
    notes = [] if len(runs) > 2 else ["SqueezeNet was left out: its compressed file was not "
                                      "given (--squeezenet)."]
    command = f"python bench/network_run.py --images {arguments.images}"
    if not notes:
        command += f" --squeezenet {arguments.squeezenet.name}"
    report = {"command": command, "tools": {name: version(name) for name in PACKAGES}
              | {"verilator": verilator_version()},
              "machine": f"{os.cpu_count()} cores {platform.machine()}", "notes": notes,
              "runs": runs}
    text = page(report)
    print(text)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text(text)
    return 0 if all(map(passed, runs)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
