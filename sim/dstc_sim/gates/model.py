"""A netlist of cells that runs 64 jobs at once, and counts what changes."""

import ctypes
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc_hdl.asic.energy import Activity
from dstc_hdl.asic.flat import FlatNetlist
from dstc_hdl.asic.liberty import Cells
from dstc_hdl.emit import content_key, publish

from ..runs import SimulationError
from ..verilator.streams import StreamInput
from .plan import PLAN, Plan, make_plan

__all__ = ["LANES", "GateModel", "GateRun", "engine_text"]

LANES = 64
"""Runs of one simulation."""

FLAGS = ("-O3", "-march=native", "-std=gnu++17", "-fPIC", "-shared")
MAX_CYCLES = 10_000_000
WORD, POINTER = ctypes.c_uint64, ctypes.c_void_p


class _Source(ctypes.Structure):
    _fields_ = (("payload", POINTER), ("width", WORD), ("valid", ctypes.c_int32),
                ("ready", ctypes.c_int32), ("bytes", WORD), ("data", POINTER), ("last", POINTER),
                ("beats", POINTER))


class _Job(ctypes.Structure):
    _fields_ = (("sources", POINTER), ("count", WORD), ("out", POINTER), ("out_width", WORD),
                ("out_valid", ctypes.c_int32), ("out_ready", ctypes.c_int32),
                ("reset", ctypes.c_int32), ("pad", ctypes.c_int32), ("results", POINTER),
                ("out_beats", POINTER), ("out_bytes", WORD), ("max_cycles", WORD),
                ("cycles", POINTER), ("toggles", POINTER), ("ones", POINTER),
                ("differs", POINTER), ("enabled", POINTER))


@dataclass(frozen=True, eq=False)
class GateRun:
    """What came of some jobs.

    Attributes
    ----------
    outputs : list of arrays
        ``uint8[beats, bytes]`` of each job.
    cycles : list of int
        Of each job, from the end of reset to its last beat.
    activity : Activity
        Of all jobs together.
    """

    outputs: list[NDArray[np.uint8]]
    cycles: list[int]
    activity: Activity


def engine_text(plan: Plan, *sources: str) -> str:
    """The engine in C++ for the kinds of logic of a netlist, with more sources behind it."""
    kinds = "".join(f" F({n}, {inputs}, {text})" for n, (inputs, text) in enumerate(plan.kinds))
    here = Path(__file__).parent
    return f"#define LOGIC(F){kinds}\n" + "".join(
        (here / name).read_text(encoding="utf-8") for name in ("engine.cpp", *sources))


class GateModel:
    """A netlist with streams.

    Parameters
    ----------
    netlist : FlatNetlist
        With ``clk``, ``rst`` and streams.
    cells : Cells
    out : str
        The stream that comes out.

    Raises
    ------
    SimulationError
        If the engine cannot be compiled.
    """

    def __init__(self, netlist: FlatNetlist, cells: Cells, out: str = "d"):
        self._netlist, self._cells, self._out = netlist, cells, out
        self._plan = make_plan(netlist, cells)
        text = engine_text(self._plan, "lanes.cpp")
        arrays = [array.tobytes() for array in self._plan.arrays]

        def make(folder: Path) -> None:
            (folder / "engine.cpp").write_text(text, encoding="utf-8")
            done = subprocess.run(["g++", *FLAGS, "-o", "engine.so", "engine.cpp"], cwd=folder,
                                  capture_output=True, text=True, check=False)
            if done.returncode:
                raise SimulationError(f"Engine must compile: {done.stderr.strip()[-2000:]}")

        engine = publish("gates-engine", content_key(text, FLAGS), make)
        self._file = publish("gates-plan", content_key(*arrays), self._plan.write) / PLAN
        self._library = ctypes.CDLL(str(engine / "engine.so"))
        self._library.gates_new.restype = POINTER
        self._library.gates_new.argtypes = (ctypes.c_char_p, WORD)
        self._library.gates_delete.argtypes = (POINTER,)
        self._library.gates_run.argtypes = (POINTER, POINTER)
        self._library.gates_run.restype = ctypes.c_char_p

    def run(self, jobs: Sequence[Mapping[str, StreamInput]], d_beats: Sequence[int], *,
            seed: int = 1, max_cycles: int = MAX_CYCLES) -> GateRun:
        """Run jobs side by side from a reset.  No stream waits for the world outside.

        Parameters
        ----------
        jobs : sequence
            At most 64; what each input stream offers.
        d_beats : sequence of int
            Beats that each will send; a job ends with its last one.
        seed : int
            Of the states of the flip-flops before the reset.
        max_cycles : int

        Raises
        ------
        SimulationError
            If a job does not end.
        """
        if not 0 < len(jobs) <= LANES:
            raise SimulationError(f"Jobs must be 1 to {LANES}, not {len(jobs)}")
        keep: list[Any] = []

        def held(array: NDArray[Any]) -> int:
            keep.append(array)
            return int(array.ctypes.data)

        sources = (_Source * len(jobs[0]))(*(self._source(name, [job[name] for job in jobs], held)
                                             for name in jobs[0]))
        payload = self._port(f"{self._out}__payload")
        size = len(payload) // 8
        beats = np.zeros(LANES, np.uint64)
        beats[:len(jobs)] = d_beats
        outputs = [np.zeros((count, size), np.uint8) for count in d_beats]
        nets = int(self._plan.arrays[0][0])
        counts = [np.zeros(size, np.uint64) for size in (
            nets, nets, len(self._plan.arrays[3]), len(self._plan.arrays[4]))]
        cycles = np.zeros(LANES, np.uint64)
        valid, ready, reset = (int(self._port(name)[0]) for name in (
            f"{self._out}__valid", f"{self._out}__ready", "rst"))
        job = _Job(ctypes.addressof(sources), len(sources), held(payload), len(payload), valid,
                   ready, reset, 0, held(_pointers(outputs)), held(beats), size, max_cycles,
                   held(cycles), *map(held, counts))
        engine = self._library.gates_new(str(self._file).encode(), seed)
        try:
            failure = self._library.gates_run(engine, ctypes.byref(job))
        finally:
            self._library.gates_delete(engine)
        if failure:
            raise SimulationError(f"Netlist must end its jobs: {failure.decode()}")
        return GateRun(outputs, [int(n) for n in cycles[:len(jobs)]],
                       self._activity(int(cycles.sum()), *counts))

    def _source(self, name: str, inputs: list[StreamInput], held: Any) -> _Source:
        payload = self._port(f"{name}__payload")
        data = [np.ascontiguousarray(each.data) for each in inputs]
        size = data[0].nbytes // max(len(data[0]), 1) or -(-len(payload) // 8)
        lasts = [np.zeros(len(each.data), np.uint8) if each.last is None
                 else np.ascontiguousarray(each.last, np.uint8) for each in inputs]
        beats = np.zeros(LANES, np.uint64)
        beats[:len(inputs)] = [len(each) for each in data]
        for array in (*data, *lasts):
            held(array)
        return _Source(held(payload), len(payload), int(self._port(f"{name}__valid")[0]),
                       int(self._port(f"{name}__ready")[0]), size, held(_pointers(data)),
                       held(_pointers(lasts)), held(beats))

    def _port(self, name: str) -> NDArray[np.int32]:
        return np.ascontiguousarray(self._plan.number[self._netlist.ports[name][1]])

    def _activity(self, cycles: int, toggles: NDArray[np.uint64], ones: NDArray[np.uint64],
                  differs: NDArray[np.uint64], enabled: NDArray[np.uint64]) -> Activity:
        """Counts of the flat netlist's own nets and cells."""
        plan = self._plan
        changes = toggles[plan.number].astype(np.float64)
        high = ones[plan.number] / max(cycles, 1)
        high[1] = 1.0
        for net, domain in plan.clocks.items():
            changes[net] = 2.0 * enabled[domain]
            high[net] = 0.5 * enabled[domain] / max(cycles, 1)
        return Activity(cycles, changes, high, {
            kind: differs[first:first + len(self._netlist.cells[kind].unit)].astype(np.float64)
            for kind, first in plan.flops.items()})


def _pointers(arrays: Sequence[NDArray[Any]]) -> NDArray[np.uint64]:
    table = np.zeros(LANES, np.uint64)
    table[:len(arrays)] = [array.ctypes.data for array in arrays]
    return table
