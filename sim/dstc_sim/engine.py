"""Engines: ways to compute a matrix product, all with the same call and the same result."""

import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dstc.config import Config
from dstc.errors import DstcError
from dstc.formats import EncodedMatrix, encode
from dstc.golden import matmul
from dstc.program import MODES, STYLES, Job, gemm_job
from dstc.skiprule import OhmmaCounts, ohmma_counts

from .results import RunResult, check
from .runs import BINS, CoreRun, CoreSimulator, SimulationError, Stall

__all__ = ["ENGINES", "SIMULATORS", "Engine", "GoldenEngine", "RtlEngine", "RunResult", "check",
           "get_engine"]

ENGINES = ("golden", "rtl")
SIMULATORS = ("verilator", "icarus", "pysim")

Operand = NDArray[Any] | EncodedMatrix


class Engine(Protocol):
    """Something that multiplies matrices by docs/numerics.md."""

    name: str

    def run(self, a: Operand, b: Operand, c: NDArray[Any] | None = None, *, config: Config,
            mode: str = "sparse") -> RunResult:
        """``a @ b + c``.

        Parameters
        ----------
        a, b : numpy.ndarray or EncodedMatrix
            M x K and K x N, of the configuration's element type or encoded for it.
        c : numpy.ndarray, optional
            M x N of the accumulator type; +0 without.
        config : Config
        mode : str
            ``sparse`` skips zeros by the skip rule, ``dense`` computes every OHMMA.  The result
            is the same in every bit.

        Raises
        ------
        DstcError
            If the operands do not fit each other or the configuration.
        SimulationError
            If the core hangs, reports an error or leaves something undone.
        """


def get_engine(name: str, *, simulator: str = "verilator", stall: Stall | None = None,
               trace: Path | None = None, style: str = "tile") -> Engine:
    """The engine of that name.

    Parameters
    ----------
    name : str
        ``golden``: the golden model in numpy.  ``rtl``: the emitted core in a simulator.
    simulator, stall, trace, style
        For ``rtl``, see :class:`RtlEngine`; without effect on ``golden``.

    Raises
    ------
    DstcError
        If there is no such engine or simulator.
    """
    if name not in ENGINES:
        raise DstcError(f"Engine must be one of {', '.join(ENGINES)}, not {name!r}")
    if name == "golden":
        return GoldenEngine()
    return RtlEngine(simulator=simulator, stall=stall, trace=trace, style=style)


class GoldenEngine:
    """The golden model; the counts are those of the skip rule, without cycles."""

    name = "golden"

    def run(self, a: Operand, b: Operand, c: NDArray[Any] | None = None, *, config: Config,
            mode: str = "sparse") -> RunResult:
        """As :meth:`Engine.run`."""
        _check_mode(mode)
        started = time.perf_counter()
        dense_a, dense_b = (x.decode() if isinstance(x, EncodedMatrix) else x for x in (a, b))
        out = matmul(dense_a, dense_b, c)
        seconds = time.perf_counter() - started
        counts = ohmma_counts(_encoded(a, "A", config), _encoded(b, "B", config), config)
        return RunResult(
            engine=self.name, config=config, mode=mode, out=out, seconds=seconds,
            shape=(out.shape[0], out.shape[1], dense_a.shape[1]), dense_cycles=counts.dense,
            ohmma={"executed": counts.executed if mode == "sparse" else counts.dense,
                   "dense": counts.dense},
            products=counts.products, tools={"numpy": np.__version__})


class RtlEngine:
    """The core in a simulator.

    Models stay loaded, so one engine should serve many products.

    Parameters
    ----------
    simulator : str
        ``verilator``: the emitted Verilog, compiled, in this process.  ``icarus``: the emitted
        Verilog, four-state.  ``pysim``: the design in Amaranth's simulator.
    stall : Stall, optional
        Random waiting on the core's streams.
    trace : Path, optional
        VCD file of the latest run.
    style : str
        How programs are written, see :func:`dstc.program.gemm_job`.

    Raises
    ------
    DstcError
        If there is no such simulator or style.
    """

    name = "rtl"

    def __init__(self, *, simulator: str = "verilator", stall: Stall | None = None,
                 trace: Path | None = None, style: str = "tile") -> None:
        if simulator not in SIMULATORS:
            raise DstcError(f"Simulator must be one of {', '.join(SIMULATORS)}, "
                            f"not {simulator!r}")
        if style not in STYLES:
            raise DstcError(f"Style must be one of {', '.join(STYLES)}, not {style!r}")
        self._simulator = simulator
        self._stall = stall
        self._trace = trace
        self._style = style
        self._models: dict[Config, CoreSimulator] = {}

    def run(self, a: Operand, b: Operand, c: NDArray[Any] | None = None, *, config: Config,
            mode: str = "sparse") -> RunResult:
        """As :meth:`Engine.run`; seconds count encoding, simulation and decoding."""
        _check_mode(mode)
        started = time.perf_counter()
        encoded = _encoded(a, "A", config), _encoded(b, "B", config)
        job = gemm_job(*encoded, c, config=config, mode=mode, style=self._style)
        counts = ohmma_counts(*encoded, config)
        prepared = time.perf_counter()
        core = self._core(config)
        ready = time.perf_counter()
        try:
            run = core.run(job, stall=self._stall)
        finally:
            if self._trace is not None:
                core.close()
        _check_run(run, job)
        out = job.assemble(run.d_data)
        seconds = time.perf_counter() - ready + prepared - started
        return self._result(run, job, counts, config, mode, out, seconds)

    def prepare(self, config: Config) -> None:
        """Emit and compile the core now; otherwise the first run does."""
        self._core(config)

    def _result(self, run: CoreRun, job: Job, counts: OhmmaCounts, config: Config, mode: str,
                out: NDArray[Any], seconds: float) -> RunResult:
        from dstc_hdl.emit import emit_unit
        from dstc_hdl.emit.tools import generator_versions, icarus_version, verilator_version

        versions = dict(generator_versions())
        if self._simulator == "verilator":
            versions["verilator"] = verilator_version()
        elif self._simulator == "icarus":
            versions["icarus"] = icarus_version()
        shown = versions.get(self._simulator, versions["amaranth"])
        emitted, folder = (None, None) if self._simulator == "pysim" else emit_unit("core", config)
        return RunResult(
            engine=self.name, config=config, mode=mode, shape=job.shape, out=out,
            cycles=run.cycles, dense_cycles=counts.dense,
            ohmma={"executed": run.counters["ohmma"], "dense": counts.dense},
            bins={name: run.counters[name] for name in BINS},
            products=run.counters["products"], seconds=seconds,
            simulator=f"{self._simulator} {shown}", tools=versions,
            verilog=folder / f"{emitted.name}.v" if emitted and folder else None,
            manifest=folder / f"{emitted.name}.json" if emitted and folder else None)

    def _core(self, config: Config) -> CoreSimulator:
        """The loaded model; one that traces or is elaborated anew serves one run."""
        if config in self._models:
            return self._models[config]
        from dstc_hdl.emit import emit_unit, make_unit

        if self._simulator == "pysim":
            from .pysim import PysimCore

            return PysimCore(make_unit("core", config), config, trace=self._trace)
        from .icarus import IcarusCore
        from .verilator import CoreModel

        emitted, _ = emit_unit("core", config)
        kind = CoreModel if self._simulator == "verilator" else IcarusCore
        model = kind(emitted, config, trace=self._trace)
        if self._trace is None:
            self._models[config] = model
        return model


def _check_mode(mode: str) -> None:
    if mode not in MODES:
        raise DstcError(f"Mode must be one of {', '.join(MODES)}, not {mode!r}")


def _encoded(operand: Operand, side: str, config: Config) -> EncodedMatrix:
    if isinstance(operand, EncodedMatrix):
        return operand
    if operand.dtype != config.format.dtype:
        raise DstcError(f"Operand {side} must be of type {config.format.dtype.name} for "
                        f"configuration {config.name}, not {operand.dtype.name}")
    return encode(operand, side, config)


def _check_run(run: CoreRun, job: Job) -> None:
    """Raise unless the core has done all of the job and nothing else."""
    if run.status.error:
        raise SimulationError(f"Core stopped with {run.status}")
    wanted = {"instr": len(job.words), "a": len(job.a_data), "b": len(job.b_data),
              "c": len(job.c_data)}
    if dict(run.taken) != wanted or len(run.d_data) != job.d_beats:
        raise SimulationError(f"Core halted after taking {dict(run.taken)} of {wanted} beats and "
                              f"sending {len(run.d_data)} of {job.d_beats}")
    ends = np.flatnonzero(run.d_last) + 1
    if not np.array_equal(ends, np.arange(1, len(run.d_data) // job.config.c_beats + 1)
                          * job.config.c_beats):
        raise SimulationError("Core marked other beats than the last of each D tile as last")
