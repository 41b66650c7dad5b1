"""The torture set of dstc.torture on the emitted Verilog: every bit, every cycle.

Runs each case on the Verilated core and on the cycle model.  A result that is not bit-exact, a
model that differs in any bin, or a closed form that does not hold ends with exit code 1; nothing
is written then.

Usage: python bench/torture.py [--config NAME ...] [--json FILE] [--markdown FILE]
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.progress import track

from dstc.config import Config, get_config
from dstc.formats import encode
from dstc.program import gemm_job
from dstc.torture import CASES, Case, bound_cycles
from dstc_sim.cyclemodel import ModelCore
from dstc_sim.engine import RtlEngine, check, get_engine
from dstc_sim.runs import BINS

CONFIGS = ("paper", "small", "tiny")


def measure(case: Case, config: Config, engine: RtlEngine) -> tuple[dict, dict]:
    """One case: its row, and the tools that measured it."""
    a, b, c = case.operands(config)
    result = engine.run(a, b, c, config=config)
    told = f"{config.name}, {case.name}"
    if not check(result, get_engine("golden").run(a, b, c, config=config)):
        raise SystemExit(f"{told}: the result is not bit-exact")
    job = gemm_job(encode(a, "A", config), encode(b, "B", config), c, config=config)
    counters = ModelCore().run(job).counters
    modelled = {name: counters[name] for name in BINS}
    if modelled != result.bins:
        raise SystemExit(f"{told}: the model says {modelled}, the Verilog {result.bins}")
    closed = case.cycles(config)
    if closed not in (None, result.cycles):
        raise SystemExit(f"{told}: the closed form says {closed} cycles, the Verilog "
                         f"{result.cycles}")
    return {"config": config.name, "case": case.name, "shape": [*a.shape, b.shape[1]],
            "ohmma": result.ohmma["executed"], "cycles": result.cycles, "bins": result.bins,
            "bound": bound_cycles(a != 0, b != 0, config),
            "closed_form": closed is not None}, dict(result.tools)


def page(rows: list[dict], tools: dict) -> str:
    """The page docs/results/torture.md."""
    lines = ["# The torture set on the emitted Verilog", "",
             "Cycles of whole runs, first instruction to last result, with a random C; every "
             "output is",
             "bit-exact and the cycle model agrees in every bin. `slowdown` is (issue + conflict) "
             "over the",
             "skip rule, `bound` what issue + conflict cannot exceed "
             "([adversaries](../adversaries.md)).", "",
             "Made by `python bench/torture.py --json docs/results/torture.json "
             "--markdown docs/results/torture.md`",
             "with " + ", ".join(f"{name} {version}" for name, version in tools.items()) + ".", ""]
    for name in dict.fromkeys(row["config"] for row in rows):
        lines += [f"## {name}", "", "`" + ", ".join(
            f"{key}={value}" for key, value in get_config(name).to_dict().items()
            if key != "name") + "`", "",
            "| case | | M x N x K | OHMMA | issue + conflict | bound | slowdown | cycles | from |",
            "|---|---|---|--:|--:|--:|--:|--:|---|"]
        for row in rows:
            if row["config"] != name:
                continue
            busy = row["bins"]["issue"] + row["bins"]["conflict"]
            m, k, n = row["shape"]
            slowdown = f"{busy / row['ohmma']:.3f}" if row["ohmma"] else "-"
            lines.append(
                f"| {row['case']} | {CASES[row['case']].about} | {m} x {n} x {k} | {row['ohmma']} "
                f"| {busy} | {row['bound']} | {slowdown} | {row['cycles']} "
                f"| {'closed form' if row['closed_form'] else 'measured'} |")
        lines.append("")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, compare, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", nargs="+", default=CONFIGS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args(arguments)
    engine = RtlEngine()
    runs = [(case, get_config(name)) for name in options.config for case in CASES.values()]
    measured = [measure(case, config, engine) for case, config in track(runs, "torture cases")]
    rows, tools = [row for row, _ in measured], measured[-1][1]
    text = page(rows, tools)
    print(text)
    for path in filter(None, (options.json, options.markdown)):
        path.parent.mkdir(parents=True, exist_ok=True)
    if options.json:
        configs = {name: get_config(name).to_dict() for name in options.config}
        options.json.write_text(json.dumps({"tools": tools, "configs": configs, "rows": rows},
                                           indent=1) + "\n")
    if options.markdown:
        options.markdown.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
