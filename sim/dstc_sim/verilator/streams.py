"""A verilated component with streams: one call per program, the whole loop in C++."""

import ctypes
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc_hdl.emit import Emitted

from ..runs import COUNTERS, Outcome, SimulationError, Status
from .build import build_model

__all__ = ["StreamInput", "StreamModel", "StreamRun"]

WORD = ctypes.c_uint64


class _Stream(ctypes.Structure):
    """The harness's struct Stream, and Space for what comes out."""

    _fields_ = (("data", ctypes.c_void_p), ("last", ctypes.c_void_p), ("beats", WORD),
                ("bytes", WORD), ("stall", WORD))


@dataclass(frozen=True, eq=False)
class StreamInput:
    """What a stream offers: ``uint8[beats, bytes]``, or one item for each beat, and, of a stream
    with ``last``, that bit."""

    data: NDArray[Any]
    last: NDArray[np.bool_] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamRun:
    """How a run ended.

    Attributes
    ----------
    outputs : mapping
        Of each output the beats ``uint8[beats, bytes]`` and their ``last``.
    moved, handshakes : mapping
        Beats of each stream; its valid (bit 0) and ready (bit 1) at the end.
    """

    outcome: Outcome
    cycles: int
    status: Status
    outputs: Mapping[str, tuple[NDArray[np.uint8], NDArray[np.bool_]]]
    moved: Mapping[str, int]
    handshakes: Mapping[str, int]
    counters: Mapping[str, int]
    seconds: float


class StreamModel:
    """A component with streams, ``resume``, ``status`` and ``counters``, compiled by Verilator.

    Parameters
    ----------
    emitted : Emitted
    inputs, outputs : mapping
        Bytes of a beat of each stream; outputs have ``last``.
    trace : Path, optional
        VCD file of everything that this model will do; a model that can trace is compiled
        apart and is several times slower.

    Raises
    ------
    SimulationError
        If the model cannot be built.
    """

    def __init__(self, emitted: Emitted, inputs: Mapping[str, int], outputs: Mapping[str, int],
                 *, trace: Path | None = None) -> None:
        lists = (("INPUTS", inputs), ("OUTPUTS", outputs))
        names = "".join(f"#define {macro}(F) {' '.join(f'F({name})' for name in streams)}\n"
                        for macro, streams in lists)
        harness = Path(__file__).with_name("streams.cpp").read_text(encoding="utf-8")
        path = build_model(emitted, names + harness, trace=trace is not None)
        self._inputs, self._outputs = dict(inputs), dict(outputs)
        self._streams = (*inputs, *outputs)
        self._run = type("_Run", (ctypes.Structure,), {"_fields_": (
            ("inputs", _Stream * len(inputs)), ("outputs", _Stream * len(outputs)),
            ("states", WORD * len(self._streams)), ("max_cycles", WORD), ("quiet_limit", WORD),
            ("resume", WORD), ("outcome", WORD), ("cycles", WORD), ("status", WORD),
            ("handshakes", WORD), ("moved", WORD * len(self._streams)),
            ("counters", WORD * len(COUNTERS)))})
        self._library = ctypes.CDLL(str(path))
        self._library.dstc_new.restype = ctypes.c_void_p
        self._library.dstc_new.argtypes = (ctypes.c_char_p,)
        self._library.dstc_delete.argtypes = (ctypes.c_void_p,)
        self._library.dstc_run.restype = ctypes.c_char_p
        self._library.dstc_run.argtypes = (ctypes.c_void_p, ctypes.POINTER(self._run))
        self._model = self._library.dstc_new(str(trace).encode() if trace else None)

    def close(self) -> None:
        """End the simulation and complete its trace; nothing can run afterwards."""
        if self._model:
            self._library.dstc_delete(self._model)
            self._model = None

    def run(self, inputs: Mapping[str, StreamInput], room: Mapping[str, int], *,
            stalls: Mapping[str, int], states: Mapping[str, int], max_cycles: int,
            quiet_limit: int, resume: bool) -> StreamRun:
        """Run until the component halts or reports an error, or a limit is reached.

        Parameters
        ----------
        inputs : mapping of StreamInput
        room : mapping of int
            Beats that each output may send.
        stalls, states : mapping of int
            Of every stream: threshold of waiting, and where its generator starts
            (:class:`dstc_sim.runs.Stall`).
        max_cycles, quiet_limit : int
        resume : bool
            Start by a pulse on ``resume`` instead of a reset.
        """
        if self._model is None:
            raise SimulationError("Model is closed")
        keep = [self._checked(name, inputs[name]) for name in self._inputs]
        outputs = {name: (np.zeros((room[name], size), np.uint8), np.zeros(room[name], np.bool_))
                   for name, size in self._outputs.items()}
        given = [_Stream(data.ctypes.data, None if last is None else last.ctypes.data, len(data),
                         self._inputs[name], stalls[name])
                 for name, (data, last) in zip(self._inputs, keep, strict=True)]
        space = [_Stream(data.ctypes.data, last.ctypes.data, len(data), self._outputs[name],
                         stalls[name]) for name, (data, last) in outputs.items()]
        run = self._run(
            inputs=(_Stream * len(given))(*given), outputs=(_Stream * len(space))(*space),
            states=(WORD * len(self._streams))(*(states[name] for name in self._streams)),
            max_cycles=max_cycles, quiet_limit=quiet_limit, resume=resume)
        started = time.perf_counter()
        failure = self._library.dstc_run(self._model, ctypes.byref(run))
        seconds = time.perf_counter() - started
        if failure:
            raise SimulationError(f"Verilated model failed: {failure.decode()}")
        moved = dict(zip(self._streams, run.moved, strict=True))
        return StreamRun(
            outcome=Outcome(run.outcome), cycles=run.cycles, status=Status.unpack(run.status),
            outputs={name: (data[:moved[name]], last[:moved[name]])
                     for name, (data, last) in outputs.items()},
            moved=moved, handshakes={name: run.handshakes >> 2 * n & 3
                                     for n, name in enumerate(self._streams)},
            counters=dict(zip(COUNTERS, run.counters, strict=True)), seconds=seconds)

    def _checked(self, name: str, stream: StreamInput
                 ) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Contiguous arrays of the right size, which the harness reads by address."""
        data, size = np.ascontiguousarray(stream.data), self._inputs[name]
        last = None if stream.last is None else np.ascontiguousarray(stream.last, np.bool_)
        if data.nbytes != len(data) * size or (last is not None and len(last) != len(data)):
            raise SimulationError(f"Stream {name} must have beats of {size} bytes, not "
                                  f"{data.nbytes} bytes in {len(data)} beats")
        return data, last
