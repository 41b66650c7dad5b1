"""The page and the versions that go with the results of arith_exhaustive.py."""

import platform
import subprocess
from importlib.metadata import version
from typing import Any

from dstc_hdl.arith import MULTIPLIER_LATENCY
from dstc_hdl.emit.tools import generator_versions, verilator_version

__all__ = ["markdown", "tool_versions"]


def tool_versions() -> dict[str, str]:
    """Everything that took part."""
    compiler = subprocess.run(["g++", "-dumpfullversion"], capture_output=True, text=True,
                              check=True).stdout.strip()
    return {**generator_versions(), "verilator": verilator_version(), "g++": compiler,
            "processor": platform.machine(),
            **{name: version(name) for name in ("numpy", "ml_dtypes", "softfloatpy")}}


def _row(result: dict[str, Any]) -> str:
    if "sets" in result:
        what = f"{result['format']} + {result['format']}"
        covered = "sets below"
    else:
        what = f"{result['format']} x {result['format']}"
        covered = "every pair" if result["complete"] else (
            f"first operands {result['first']:#x} to {result['last'] - 1:#x}"
            + (f" in steps of {result['step']}" if result["step"] > 1 else "")
            + " with every second one")
    sample = (f"{result['softfloat_mismatches']} of {result['softfloat_pairs']:,}"
              if "softfloat_pairs" in result else "-")
    return (f"| `{result['unit']}` | {what} | {result['latency']} | {result['pairs']:,} "
            f"| {covered} | {result['mismatches']} | {sample} | {result['seconds']:.0f} s "
            f"| {result['pairs_per_second'] / 1e6:.0f} |")


def _spans(numbers: list[int]) -> str:
    """0, 1, 2, 5 as 0-2, 5."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(f"{low}-{high}" if high > low else str(low) for low, high in spans) or "none"


def markdown(report: dict[str, Any]) -> str:
    """The page docs/results/arithmetic.md."""
    results, tools = report["results"], report["tools"]
    wrong = sum(r["mismatches"] + r.get("softfloat_mismatches", 0) for r in results)
    lines = [
        "# Arithmetic, exhaustively", "",
        "Results of the units' emitted Verilog, compiled by Verilator, compared in every bit with",
        "binary32 (or integer) arithmetic of the processor, NaN being `7fc00000`. What the codes",
        "of a format stand for comes from numpy and ml_dtypes and is compared with Berkeley",
        "SoftFloat; so is a sample of the results. The multipliers of the core have latency "
        f"{MULTIPLIER_LATENCY}.", "",
        f"Made by `{report['command']}` in {report['seconds']} s with {report['jobs']} threads, "
        + ", ".join(f"{name} {number}" for name, number in tools.items()) + ".", "",
        f"{sum(r['pairs'] for r in results):,} pairs, {wrong} wrong.", "",
        "| unit | operation | latency | pairs | covered | wrong | differs from SoftFloat | time "
        "| M/s |", "|---|---|--:|--:|---|--:|--:|--:|--:|", *map(_row, results)]
    for name in dict.fromkeys(r["format"] for r in results if "sets" in r):
        result = next(r for r in results if r["format"] == name)
        lines += ["", f"## Sums in {name}", "", "Pairs of every set, at every latency:", ""]
        lines += [f"- {key}: {count:,}; {SETS[key]}" for key, count in result["sets"].items()]
        if "ties" in result:
            lines += ["", "Ties, counted in a sample of the set: exponent differences at which the",
                      "exact sum lies half-way between two numbers.", "",
                      "| signs of the operands | rounded | differences |", "|---|---|---|"]
            for key, numbers in result["ties"].items():
                signs, way = key.split(", ")
                lines.append(f"| {signs.removesuffix(' signs')} | {way} | {_spans(numbers)} |")
    return "\n".join(lines) + "\n"


SETS = {
    "class_pairs": "each of 13 classes with each, all signs: zero, subnormal (smallest, largest, "
                   "any), normal (smallest binade, 1, any, largest binade), infinity, quiet and "
                   "signalling NaN",
    "exponent_pairs": "each of the 256 exponent fields with each",
    "rounding_ties": "lowest one of the smaller operand at each of 24 places, at each exponent "
                     "difference from 0 to 31, all signs, both orders, exactly there and one last "
                     "place more and less",
    "cancellations": "opposite signs, sizes equal or 2^0 to 2^24 last places apart",
    "subnormal_border": "each of the exponent fields 0 to 27 with each",
    "overflow_border": "exponent fields 250 to 254 with 225 to 254",
    "near_exponents": "exponent differences from -30 to 30",
    "carries": "carries of every length from every place",
    "random_bits": "any bits",
}
