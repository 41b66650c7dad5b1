"""The verilated core: one call per program, the whole loop in C++."""

import ctypes
import time
from pathlib import Path
from typing import Any

import numpy as np

from dstc.config import Config
from dstc_hdl.emit import Emitted

from ..runs import (
    COUNTERS,
    MAX_CYCLES,
    QUIET_LIMIT,
    STREAMS,
    CoreJob,
    CoreRun,
    Ending,
    Outcome,
    SimulationError,
    Stall,
    Status,
)
from .build import build_model

__all__ = ["CoreModel"]

WORD = ctypes.c_uint64


class _Stream(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("last", ctypes.c_void_p), ("beats", WORD),
                ("bytes", WORD), ("stall", WORD))


class _Run(ctypes.Structure):
    """The harness's struct Run, member by member."""

    _fields_ = (("instr", _Stream), ("a", _Stream), ("b", _Stream), ("c", _Stream),
                ("d_data", ctypes.c_void_p), ("d_last", ctypes.c_void_p),
                ("d_capacity", WORD), ("d_bytes", WORD), ("d_stall", WORD),
                ("states", WORD * 5), ("max_cycles", WORD), ("quiet_limit", WORD), ("resume", WORD),
                ("outcome", WORD), ("cycles", WORD), ("status", WORD),
                ("handshakes", WORD), ("moved", WORD * 5), ("counters", WORD * len(COUNTERS)))


class CoreModel:
    """A core, or anything with exactly its ports, compiled by Verilator.

    Parameters
    ----------
    emitted : Emitted
        The core.
    config : Config
        Gives the widths of the beats.
    trace : Path, optional
        VCD file of everything that this model will do; a model that can trace is compiled
        apart and is several times slower.

    Raises
    ------
    SimulationError
        If the model cannot be built.
    """

    def __init__(self, emitted: Emitted, config: Config, *, trace: Path | None = None) -> None:
        harness = Path(__file__).with_name("core.cpp").read_text(encoding="utf-8")
        path = build_model(emitted, harness, trace=trace is not None)
        self._config = config
        self._library = ctypes.CDLL(str(path))
        self._library.dstc_new.restype = ctypes.c_void_p
        self._library.dstc_new.argtypes = (ctypes.c_char_p,)
        self._library.dstc_delete.argtypes = (ctypes.c_void_p,)
        self._library.dstc_run.restype = ctypes.c_char_p
        self._library.dstc_run.argtypes = (ctypes.c_void_p, ctypes.POINTER(_Run))
        self._model = self._library.dstc_new(str(trace).encode() if trace else None)

    def close(self) -> None:
        """As :meth:`dstc_sim.runs.CoreSimulator.close`."""
        if self._model:
            self._library.dstc_delete(self._model)
            self._model = None

    def __enter__(self) -> "CoreModel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, job: CoreJob, *, stall: Stall | None = None, max_cycles: int = MAX_CYCLES,
            quiet_limit: int = QUIET_LIMIT, resume: bool = False) -> CoreRun:
        """As :meth:`dstc_sim.runs.CoreSimulator.run`; the model may run many jobs.

        Parameters
        ----------
        resume : bool
            Start by a pulse on ``resume`` instead of a reset; the core must have halted.
        """
        if self._model is None:
            raise SimulationError("Model is closed")
        stall = stall or Stall()
        limits = stall.thresholds()
        keep: list[Any] = []

        def stream(name: str, data: np.ndarray, last: np.ndarray | None, size: int) -> _Stream:
            data = np.ascontiguousarray(data)
            if data.nbytes != len(data) * size or (last is not None and len(last) != len(data)):
                raise SimulationError(f"Stream {name} must have beats of {size} bytes, not "
                                      f"{data.nbytes} bytes in {len(data)} beats")
            keep.append(data)
            if last is not None:
                last = np.ascontiguousarray(last, np.bool_)
                keep.append(last)
            return _Stream(data.ctypes.data, None if last is None else last.ctypes.data,
                           len(data), size, limits[name])

        config = self._config
        d_bytes = config.c_beat_bits // 8
        d_data = np.zeros((job.d_beats, d_bytes), np.uint8)
        d_last = np.zeros(job.d_beats, np.bool_)
        run = _Run(
            instr=stream("instr", job.words.astype("<u8", copy=False), None, 8),
            a=stream("a", job.a_data, job.a_last, config.a_beat_bits // 8),
            b=stream("b", job.b_data, job.b_last, config.b_beat_bits // 8),
            c=stream("c", job.c_data, None, d_bytes),
            d_data=d_data.ctypes.data, d_last=d_last.ctypes.data, d_capacity=job.d_beats,
            d_bytes=d_bytes, d_stall=limits["d"],
            states=(WORD * 5)(*stall.states().values()), max_cycles=max_cycles,
            quiet_limit=quiet_limit, resume=resume)
        started = time.perf_counter()
        failure = self._library.dstc_run(self._model, ctypes.byref(run))
        seconds = time.perf_counter() - started
        if failure:
            raise SimulationError(f"Verilated model failed: {failure.decode()}")
        ending = Ending(outcome=Outcome(run.outcome), cycles=run.cycles,
                        status=Status.unpack(run.status), moved=tuple(run.moved),
                        handshakes=tuple(run.handshakes >> 2 * n & 3 for n in range(len(STREAMS))))
        ending.check(job, quiet_limit)
        beats = ending.moved[-1]
        return CoreRun(
            d_data=d_data[:beats], d_last=d_last[:beats], status=ending.status,
            counters=dict(zip(COUNTERS, run.counters, strict=True)),
            taken=dict(zip(STREAMS[:-1], run.moved, strict=False)), clock_cycles=run.cycles,
            seconds=seconds)
