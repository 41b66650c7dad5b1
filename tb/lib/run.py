"""Running one bench under pytest."""

import os
import re
import shutil
from dataclasses import dataclass
from unittest import mock

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.config import CONFIGS, Config, get_config
from dstc.elements import ELEMENTS
from dstc_hdl.board.boards import BOARDS
from dstc_hdl.emit import build_folder

from .build import compiled, simulator_environment, verilog

__all__ = ["Case", "bench_config", "run_case"]

TAIL = 6000     # characters of a failed run's log
# Seconds; a loop in the logic would hang the simulator.  Cells are slow.
LIMIT, GATES_LIMIT = 600, 6 * 3600


@dataclass(frozen=True)
class Case:
    """One run of one bench.

    Attributes
    ----------
    unit : str
        A key of :data:`tb.lib.units.UNITS`.
    bench : str
        Module with the tests, ``tb.bench_BENCH``.
    config : str
        What :func:`bench_config` takes.
    simulator, start : str
        See :mod:`tb.lib.build`.
    tests : str
        Expression for the names of the tests to run; all without.
    """

    unit: str
    bench: str
    config: str
    simulator: str
    start: str
    tests: str | None = None

    @property
    def name(self) -> str:
        """As pytest shows it."""
        return f"{self.unit}-{self.config}-{self.simulator}-{self.start}"


def bench_config(name: str) -> Config | AcceleratorConfig:
    """What a name stands for.

    A named configuration; ``tiny-ELEMENT``, which is ``tiny`` with other elements; an
    accelerator, ``tiny-x2-128``: two cores and 128 bits; or a board, for what is on it.
    """
    if name in BOARDS:
        return BOARDS[name].accelerator
    system = re.fullmatch(r"(.+)-x(\d)-(\d+)", name)
    if system:
        return AcceleratorConfig(core=get_config(system[1]), cores=int(system[2]),
                                 data_bits=int(system[3]))
    base, _, element = name.partition("-")
    if name not in CONFIGS and element in ELEMENTS:
        return get_config(base).replace(name=name, element=element)
    return get_config(name)


def run_case(case: Case, seed: int, waves: bool) -> str | None:
    """Build what is missing and run the bench.

    Returns
    -------
    str or None
        What to tell if it failed: configuration, simulator, seed, how to repeat it and the end
        of its log, which the runner would hide.
    """
    config = bench_config(case.config)
    folder = compiled(case.unit, config, case.simulator, case.start, waves)
    place = build_folder() / "tb" / case.name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    log, results = place / "bench.log", place / "results.xml"
    runner = get_runner(case.simulator)
    extra = {
        "COCOTB_REWRITE_ASSERTION_FILES": "bench_*.py",
        "COCOTB_ANSI_OUTPUT": "0",
        "DSTC_TB_MANIFEST": str(verilog(case.unit, config) / f"dstc_{case.unit}.json"),
        "DSTC_TB_CASE": case.name,
        "DSTC_TB_UNIT": case.unit,
    }
    plusargs = ["+verilator+rand+reset+2", f"+verilator+seed+{seed % 2**31 or 1}"]
    if waves and case.simulator == "icarus":
        plusargs = [f"+dumpfile_path={place / 'dump.fst'}"]
    error: str | None = None
    limit = GATES_LIMIT if case.start == "gates" else LIMIT
    try:
        with mock.patch.dict(os.environ, {**simulator_environment(case.simulator),
                                          "SIM_CMD_PREFIX": f"timeout {limit}"}):
            runner.test(test_module=f"tb.bench_{case.bench}", hdl_toplevel=f"dstc_{case.unit}",
                        hdl_toplevel_lang="verilog", build_dir=folder, test_dir=place, seed=seed,
                        test_filter=case.tests,
                        plusargs=plusargs if case.simulator == "verilator" or waves else [],
                        extra_env=extra, waves=waves, log_file=log, results_xml=str(results))
        tests, failed = get_results(results)
        if failed or not tests:
            error = f"{failed} of {tests} tests"
    except (SystemExit, RuntimeError) as stop:
        error = str(stop)
    text = log.read_text(encoding="utf-8", errors="replace")
    if error is not None:
        story = "\n".join(line for line in text.splitlines() if "INFO     " not in line)
        return (
            f"bench {case.bench} of {case.unit} failed: configuration {case.config}, "
            f"{case.simulator}, start {case.start}, seed {seed} ({error})\n"
            f"again, with waves: .venv/bin/python -m pytest tb -k '{case.name}' "
            f"--bench-seed {seed} --bench-waves\nwhole log: {log}\n{story[-TAIL:]}")
    print("".join(line + "\n" for line in text.splitlines() if "bench " in line), end="")
    return None
