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
from .runs import BINS, CoreRun, CoreSimulator, Stall

__all__ = ["ENGINES", "SIMULATORS", "Engine", "GoldenEngine", "ModelEngine", "RtlEngine",
           "RunResult", "check", "get_engine"]

ENGINES = ("golden", "model", "rtl")
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
        ``golden``: the golden model in numpy.  ``model``: the cycle model.  ``rtl``: the emitted
        core in a simulator.
    simulator, stall, trace, style
        For ``rtl``, see :class:`RtlEngine`; ``model`` takes ``stall`` and ``style``, ``golden``
        none of them.

    Raises
    ------
    DstcError
        If there is no such engine or simulator.
    """
    if name not in ENGINES:
        raise DstcError(f"Engine must be one of {', '.join(ENGINES)}, not {name!r}")
    if name == "golden":
        return GoldenEngine()
    if name == "model":
        return ModelEngine(stall=stall, style=style)
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


class ModelEngine:
    """The cycle model: the cycles and bins of ``rtl`` for the same job, without a simulator.

    Parameters
    ----------
    stall : Stall, optional
        Random waiting on the core's streams, in the pattern that it has in every simulator.
    style : str
        How programs are written, see :func:`dstc.program.gemm_job`.

    Raises
    ------
    DstcError
        If there is no such style, or numba is not installed.
    """

    name = "model"

    def __init__(self, *, stall: Stall | None = None, style: str = "tile") -> None:
        _check_style(style)
        self._stall = stall
        self._style = style
        self._prepared: set[np.dtype[Any]] = set()      # accumulator types

    def run(self, a: Operand, b: Operand, c: NDArray[Any] | None = None, *, config: Config,
            mode: str = "sparse") -> RunResult:
        """As :meth:`Engine.run`; seconds count encoding, cycles and values."""
        from .cyclemodel import ModelCore, product, versions

        _check_mode(mode)
        self.prepare(config)
        started = time.perf_counter()
        encoded = _encoded(a, "A", config), _encoded(b, "B", config)
        job = gemm_job(*encoded, c, config=config, mode=mode, style=self._style)
        run = ModelCore().run(job, stall=self._stall)
        run.require_all_of(job)
        out = product(*encoded, c, config)
        seconds = time.perf_counter() - started
        counts = ohmma_counts(*encoded, config)
        return RunResult(
            engine=self.name, config=config, mode=mode, shape=job.shape, out=out,
            seconds=seconds, tools=versions(), **_costs(run, counts))


    def prepare(self, config: Config) -> None:
        """Compile the model now, or load it; otherwise the first run does."""
        from .cyclemodel import ModelCore, product

        if config.format.acc_dtype in self._prepared:
            return
        one = np.ones((1, 1), config.format.dtype)
        encoded = encode(one, "A", config), encode(one, "B", config)
        ModelCore().run(gemm_job(*encoded, config=config))
        product(*encoded, None, config)
        self._prepared.add(config.format.acc_dtype)


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
        _check_style(style)
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
        run.require_all_of(job)
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
            seconds=seconds, **_costs(run, counts),
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


def _costs(run: CoreRun, counts: OhmmaCounts) -> dict[str, Any]:
    """What a run cost by the core's counters, as fields of the result."""
    return {"cycles": run.cycles, "dense_cycles": counts.dense,
            "ohmma": {"executed": run.counters["ohmma"], "dense": counts.dense},
            "bins": {name: run.counters[name] for name in BINS},
            "products": run.counters["products"]}


def _check_style(style: str) -> None:
    if style not in STYLES:
        raise DstcError(f"Style must be one of {', '.join(STYLES)}, not {style!r}")


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
