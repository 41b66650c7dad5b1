"""Faults injected into the accelerator: what it does about each, and whether the next job is exact.

Every class of fault on products and convolutions, on one, two and four cores and both widths of
the port, with random latency, stalls and order of answers.  A fault after which the device hangs,
reports something else, gives a wrong result or spoils the job after it ends with exit code 1;
nothing is written then.

Usage: python bench/faults.py [--config NAME] [--count N] [--seed N] [--json FILE] [--markdown FILE]
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.accelerator.registers import error_meaning
from dstc.config import get_config
from dstc_hdl.emit.tools import generator_versions, verilator_version
from dstc_sim.faults.campaign import Outcome, Trial, chosen_faults, inject
from dstc_sim.faults.catalogue import Workbench
from dstc_sim.faults.kinds import KINDS
from dstc_sim.faults.scenario import SCENARIOS, make_scenario
from dstc_sim.faults.simulated import SimulatedFaultBus

SYSTEMS = ((1, 128), (2, 64), (4, 128))
"""Cores, and bits of the port."""
MEMORY = range(0x8000_0000, 0x8040_0000)
WINDOW = range(0x8010_0000, 0x8020_0000)
GOOD = [each for each in Outcome if each.good]


def trials(acc: AcceleratorConfig, name: str, count: int, seed: int) -> Iterator[tuple[str, Trial]]:
    """Faults of every class on one scenario, at most so many of each."""
    bus = SimulatedFaultBus(acc, memory=MEMORY)
    scenario = make_scenario(name, bus, acc, WINDOW, seed)
    bench = Workbench(scenario)
    rng = np.random.default_rng([seed, acc.cores, acc.data_bits, list(SCENARIOS).index(name)])
    for kind in KINDS:
        for fault in chosen_faults(bench, kind, count, rng):
            yield kind, inject(scenario, fault, int(rng.integers(1 << 32)))
    bus.close()


def campaign(config: str, count: int, seed: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Every system and scenario: a row for each class, and the stories of bad outcomes."""
    rows: dict[tuple[str, str], Counter] = {}
    stories = []
    with Progress() as progress:
        task = progress.add_task("faults", total=len(SYSTEMS) * len(SCENARIOS) * len(KINDS))
        for cores, bits in SYSTEMS:
            acc = AcceleratorConfig(core=get_config(config), cores=cores, data_bits=bits)
            for name in SCENARIOS:
                before = None
                for kind, trial in trials(acc, name, count, seed):
                    progress.advance(task, kind != before)
                    before = kind
                    row = rows.setdefault((kind, name), Counter())
                    row[trial.outcome] += 1
                    row[trial.code] += trial.outcome == Outcome.ERROR
                    if not trial.outcome.good:
                        stories.append(f"{acc.name}, {name}, {kind}: {trial.fault.what}: "
                                       f"{trial.outcome.value}: {trial.story}")
    return [{"class": kind, "scenario": name,
             "outcomes": {each.value: row[each] for each in Outcome},
             "codes": {str(code): number for code, number in sorted(
                 (key, value) for key, value in row.items() if isinstance(key, int) and value)}}
            for (kind, name), row in rows.items()], stories


def page(result: dict[str, Any]) -> str:
    """The page docs/results/faults.md."""
    rows = result["rows"]
    total = sum(sum(row["outcomes"].values()) for row in rows)
    lines = ["# Injected faults", "",
             f"{total} faults on `{result['config']}`: products (sparse and dense) and "
             "convolutions (3x3 by the",
             "im2col unit, 1x1), on "
             + ", ".join(f"{cores} x {bits} bit" for cores, bits in SYSTEMS)
             + " (cores, port), with random latency,",
             "stalls and order of answers. After every fault the device is cleared (or was reset) "
             "and the same",
             "job has to be bit-exact. None hung, none was silently wrong, none spoilt the next "
             "job; every error",
             "raised the interrupt and had the code, core and address that the bytes or the bus "
             "called for. Of word",
             "lists that are too short or too long, several units may notice first: there any of "
             "the codes that tell",
             "so is right, and the address is not looked at. The benches inject the same faults "
             "with a memory of",
             "cocotbext-axi (tb/README.md).", "",
             "Made by `python bench/faults.py --json docs/results/faults.json "
             "--markdown docs/results/faults.md`",
             f"with seed {result['seed']}, at most {result['count']} faults of a class on each "
             "scenario and system,",
             ", ".join(f"{tool} {version}" for tool, version in result["tools"].items()) + ".", "",
             "| class | faults | " + " | ".join(each.value for each in GOOD)
             + " | codes reported |", "|---|--:|" + "--:|" * len(GOOD) + "---|"]
    for kind in KINDS:
        of_kind = [row for row in rows if row["class"] == kind]
        counts = [sum(row["outcomes"][each.value] for row in of_kind) for each in GOOD]
        codes = sorted({int(code) for row in of_kind for code in row["codes"]})
        lines.append(f"| {kind} | {sum(counts)} | " + " | ".join(map(str, counts)) + " | "
                     + (", ".join(map(str, codes)) or "-") + " |")
    codes = sorted({int(code) for row in rows for code in row["codes"]})
    lines += ["", "An exact result is right where the faulty bytes are never fetched, mean "
              "something else that is legal", "(then the result is that of the changed operand), "
              "or where the bus had done its work.", "",
              "| code | meaning |", "|--:|---|",
              *(f"| {code} | {error_meaning(code)} |" for code in codes), ""]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Inject, judge, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--config", default="tiny")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args(arguments)
    rows, stories = campaign(options.config, options.count, options.seed)
    print("\n".join(stories))
    if stories:
        print(f"{len(stories)} faults ended badly", file=sys.stderr)
        return 1
    result = {"config": options.config, "parameters": get_config(options.config).to_dict(),
              "systems": SYSTEMS, "seed": options.seed, "count": options.count,
              "tools": {**generator_versions(), "verilator": verilator_version()}, "rows": rows}
    text = page(result)
    print(text)
    for path in filter(None, (options.json, options.markdown)):
        path.parent.mkdir(parents=True, exist_ok=True)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if options.markdown:
        options.markdown.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
