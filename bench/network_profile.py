"""Time and memory of ``dstc profile``: ResNet-50, BERT-base, and a recorded trace.

Usage: python bench/network_profile.py [--data FOLDER] [--json FILE] [--markdown FILE]
"""

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from network_models import resnet50, transformer

SECONDS, GIBIBYTES = 60, 4
"""What a profile of ResNet-50 may take."""
BERT = {"layers": 12, "width": 768, "heads": 12, "inner": 3072, "length": 128,
        "vocabulary": 30522}
TRACE = "activation-traces/squeezenet_dc_chelsea.npz"
PACKAGES = ("dstc", "numpy", "onnx", "onnxruntime")


def save(folder: Path) -> None:
    """Write the models."""
    (folder / "resnet50.onnx").write_bytes(resnet50().SerializeToString())
    (folder / "bert.onnx").write_bytes(transformer(**BERT).SerializeToString())


def measure(words: list[str], folder: Path) -> dict[str, Any]:
    """One command in a process of its own: seconds, peak memory, and the totals it prints."""
    program = str(Path(sys.executable).with_name("dstc"))
    with open(folder / "out.json", "wb") as out:
        started = time.perf_counter()
        process = subprocess.Popen([program, "profile", *words, "--json"], cwd=folder, stdout=out)
        # Of this process alone, unlike what the children of a process take at most.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"dstc profile {' '.join(words)} ended with {process.returncode}")
    report = json.loads((folder / "out.json").read_text())
    totals = report["totals"]
    return {"command": " ".join(["dstc profile", *words]), "seconds": seconds,
            "peak_mib": usage.ru_maxrss / 1024, "layers": len(report["layers"]),
            "macs": totals["macs"], "effectual_macs": totals["effectual_macs"],
            "ohmma": totals["ohmma"], "cycles_at_least": totals["at_least"]["cycles"],
            "cycles_sampled": (totals["estimate"] or {}).get("cycles")}


def table(report: dict[str, Any]) -> str:
    """The page docs/results/profile.md."""
    worst = max((row for row in report["rows"] if "resnet50" in row["command"]
                 and "--sample" not in row["command"]), key=lambda row: row["seconds"])
    traced = any(row["command"].endswith(Path(TRACE).name) for row in report["rows"])
    data = " DATA=FOLDER" if traced else ""
    lines = ["# Time and memory of `dstc profile`", "",
             "Peak memory is that of the whole process, as the operating system counts it. "
             + ", ".join(f"{name} {number}" for name, number in report["tools"].items())
             + f", {report['machine']}. Made by `make profile-speed{data}`.", "",
             "| command | layers | MACs | effectual | OHMMA dense | OHMMA | seconds | MiB |",
             "|---|--:|--:|--:|--:|--:|--:|--:|"]
    lines += [f"| `{row['command']}` | {row['layers']} | {row['macs'] / 1e9:.2f} G | "
              f"{row['effectual_macs'] / row['macs']:.1%} | {row['ohmma']['dense']:,} | "
              f"{row['ohmma']['dual']:,} | {row['seconds']:.1f} | {row['peak_mib']:,.0f} |"
              for row in report["rows"]]
    return "\n".join([
        *lines, "", "`resnet50.onnx` has the shapes of ResNet-50 and 25.5 M random weights, a "
        "quarter of them non-zero; `bert.onnx` those of BERT-base with 128 tokens and 110 M "
        "weights, a quarter non-zero, with ReLU. Inputs are the sample input.", "",
        f"A profile of ResNet-50 takes {worst['seconds']:.1f} s and "
        f"{worst['peak_mib'] / 1024:.2f} GiB, of {SECONDS} s and {GIBIBYTES} GiB allowed.", ""])


def main() -> int:
    """Measure and write; the exit code is 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="the data collection, for the recorded trace")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    report: dict[str, Any] = {
        "tools": {name: version(name) for name in PACKAGES},
        "machine": f"{os.cpu_count()} cores {platform.machine()}, load {os.getloadavg()[0]:.1f} "
                   "at the start"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Elsewhere: a process's peak begins with the memory of the one that started it.
        maker = multiprocessing.get_context("spawn").Process(target=save, args=(folder,))
        maker.start()
        maker.join()
        commands = [["resnet50.onnx"], ["resnet50.onnx", "--prune", "0.9"],
                    ["resnet50.onnx", "--sample", "24"], ["bert.onnx"]]
        if arguments.data and (arguments.data / TRACE).is_file():
            (folder / Path(TRACE).name).symlink_to((arguments.data / TRACE).resolve())
            commands.append([Path(TRACE).name])
        report["rows"] = [measure(words, folder) for words in commands]
    text = table(report)
    print(text)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text(text)
    within = all(row["seconds"] < SECONDS and row["peak_mib"] < GIBIBYTES * 1024
                 for row in report["rows"] if "resnet50" in row["command"])
    return 0 if within else 1


if __name__ == "__main__":
    raise SystemExit(main())
