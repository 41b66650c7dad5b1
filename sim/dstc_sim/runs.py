"""What a simulated core takes and gives, the same for every simulator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dstc.beats import BeatStream
from dstc.config import Config
from dstc.conv.words import ConvErrorCode
from dstc.errors import DstcError
from dstc.isa import ErrorCode

from .stalls import generator_state, require_stall, stall_threshold

__all__ = ["BINS", "COUNTERS", "ERROR_CODES", "MAX_CYCLES", "QUIET_LIMIT", "STREAMS", "CoreJob",
           "CoreRun", "CoreSimulator", "Ending", "Outcome", "SimulationError", "Stall", "Status",
           "StreamJob", "stream_beats", "unpack_counters"]

STREAMS = ("instr", "a", "b", "c", "d")
"""Streams of the core; the last one comes out of it."""

BINS = ("issue", "conflict", "operand_wait", "drain", "idle")
"""Counters that share out the cycles of a run among them."""

COUNTERS = (*BINS, "ohmma", "products")
"""Fields of the core's port ``counters``, 48 bits each, from bit 0."""

MAX_CYCLES = 1 << 40
"""Cycles after which a simulator gives up unless told otherwise."""

QUIET_LIMIT = 100_000
"""Cycles without a transfer on any stream after which a core is taken to hang.

The longest wait of a working core, a full operand buffer worked off in dense mode, is
``slots * tile_k * 64`` cycles, at most 16,384.
"""

ERROR_CODES = {int(code): code.meaning for code in (*ErrorCode, *ConvErrorCode)}
"""Meanings of the error codes in the core's status."""


class SimulationError(RuntimeError):
    """A simulated core did what no core may do: it hung, reported an error or sent an X.

    The message tells the state in which that was seen.
    """


class CoreJob(Protocol):
    """Streams of one run; :class:`dstc.program.Job` is one."""

    @property
    def config(self) -> Config: ...
    @property
    def words(self) -> NDArray[np.uint64]: ...
    @property
    def a_data(self) -> NDArray[np.uint8]: ...
    @property
    def a_last(self) -> NDArray[np.bool_]: ...
    @property
    def b_data(self) -> NDArray[np.uint8]: ...
    @property
    def b_last(self) -> NDArray[np.bool_]: ...
    @property
    def c_data(self) -> NDArray[np.uint8]: ...
    @property
    def d_beats(self) -> int: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamJob:
    """A job made of plain arrays, for programs that no compiler writes.

    Shapes and types are those of :class:`dstc.program.Job`.
    """

    config: Config
    words: NDArray[np.uint64]
    a_data: NDArray[np.uint8]
    a_last: NDArray[np.bool_]
    b_data: NDArray[np.uint8]
    b_last: NDArray[np.bool_]
    c_data: NDArray[np.uint8]
    d_beats: int

    @classmethod
    def of(cls, job: CoreJob, **changes: object) -> "StreamJob":
        """The streams of another job, some of them replaced."""
        values = {field.name: getattr(job, field.name) for field in fields(cls)}
        return cls(**{**values, **changes})


@dataclass(frozen=True)
class Stall:
    """How often each stream waits although it could go on.

    In every cycle, a stream that has a beat to offer and offers none yet withholds it with the
    stream's probability; a beat on offer stays until it is taken.  On ``d`` the probability is
    that of not being ready, in every cycle anew.

    Parameters
    ----------
    instr, a, b, c, d : float
        From 0 (never) to below 1.
    seed : int
        Different seeds give different patterns; not negative, below 2**63.
    """

    instr: float = 0.0
    a: float = 0.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for stream in STREAMS:
            require_stall(getattr(self, stream))
        if not 0 <= self.seed < 1 << 63:
            raise DstcError(f"Stall seed must be from 0 to below 2**63, not {self.seed}")

    @classmethod
    def everywhere(cls, probability: float, seed: int = 0) -> "Stall":
        """The same probability on all five streams."""
        return cls(**dict.fromkeys(STREAMS, probability), seed=seed)

    def thresholds(self) -> dict[str, int]:
        """A stream waits when a uniform 32-bit number is below its threshold."""
        return {stream: stall_threshold(getattr(self, stream)) for stream in STREAMS}

    def states(self, streams: Sequence[str] = STREAMS) -> dict[str, int]:
        """Start of each stream's generator, splitmix64 in every simulator.

        Equal patterns everywhere make runs of the same job equal in every cycle.
        """
        return {stream: generator_state(self.seed, n)
                for n, stream in enumerate(streams, start=1)}


@dataclass(frozen=True)
class Status:
    """The core's status port."""

    busy: bool
    halted: bool
    error: bool
    code: int
    address: int

    @classmethod
    def unpack(cls, bits: int) -> "Status":
        """From the port's 39 bits."""
        return cls(bool(bits & 1), bool(bits >> 1 & 1), bool(bits >> 2 & 1), bits >> 3 & 15,
                   bits >> 7 & 0xFFFFFFFF)

    def __str__(self) -> str:
        if self.error:
            return (f"error {self.code} ({ERROR_CODES.get(self.code, 'unknown')}) at word "
                    f"{self.address}")
        return "halted" if self.halted else "busy" if self.busy else "waiting for a word"


@dataclass(frozen=True, kw_only=True, eq=False)
class CoreRun:
    """How one run ended.

    Attributes
    ----------
    d_data : numpy.ndarray
        ``uint8[beats, bytes]`` that came out.
    d_last : numpy.ndarray
        ``bool[beats]``.
    status : Status
        Halted, or the error.
    counters : mapping
        ``issue, conflict, operand_wait, drain, idle, ohmma, products`` as the core counted.
    taken : mapping
        Beats (of ``instr``: words) taken from each input stream.
    clock_cycles : int
        Cycles simulated after reset; the counters begin with the first word taken.
    seconds : float
        Wall time of the simulation, without making the model.
    """

    d_data: NDArray[np.uint8]
    d_last: NDArray[np.bool_]
    status: Status
    counters: Mapping[str, int]
    taken: Mapping[str, int]
    clock_cycles: int
    seconds: float

    @property
    def cycles(self) -> int:
        """Cycles by the core's own counters: the sum of the five bins."""
        return sum(self.counters[name] for name in BINS)

    def require_all_of(self, job: CoreJob) -> None:
        """Raise a :class:`SimulationError` unless the core has done all of the job and no more."""
        if self.status.error:
            raise SimulationError(f"Core stopped with {self.status}")
        wanted = {"instr": len(job.words), **{side: stream_beats(job, side) for side in "ab"},
                  "c": len(job.c_data)}
        if dict(self.taken) != wanted or len(self.d_data) != job.d_beats:
            raise SimulationError(
                f"Core halted after taking {dict(self.taken)} of {wanted} beats and sending "
                f"{len(self.d_data)} of {job.d_beats}")
        place = np.arange(1, len(self.d_data) + 1)
        if not np.array_equal(self.d_last, place % job.config.c_beats == 0):
            raise SimulationError("Core marked other beats than the last of each D tile as last")


class CoreSimulator(Protocol):
    """A core in some simulator."""

    def run(self, job: CoreJob, *, stall: Stall | None = None, max_cycles: int = MAX_CYCLES,
            quiet_limit: int = QUIET_LIMIT) -> CoreRun:
        """Reset the core and run a program until it halts or reports an error.

        Parameters
        ----------
        job : CoreJob
            Words and streams.
        stall : Stall, optional
            Random waiting on the streams; none by default.
        max_cycles : int
            Give up after so many cycles.
        quiet_limit : int
            Give up after so many cycles in a row without a transfer on any stream.

        Raises
        ------
        SimulationError
            If the core neither halts nor reports an error within the limits, or sends more beats
            than the job expects.
        """

    def close(self) -> None:
        """End the simulation and complete its trace; nothing can run afterwards."""


def stream_beats(job: CoreJob, side: str) -> int:
    """Beats of the ``a`` or ``b`` stream, without making them where a job has none yet."""
    stream = getattr(job, side, None)
    return stream.beats if isinstance(stream, BeatStream) else len(getattr(job, f"{side}_data"))


class Outcome(IntEnum):
    """Why a simulation ended."""

    STOPPED = 0
    CYCLE_LIMIT = 1
    NO_PROGRESS = 2
    TOO_MANY_BEATS = 3


@dataclass(frozen=True, kw_only=True)
class Ending:
    """The state at the end of a simulation.

    ``moved`` has the beats of all five streams, ``handshakes`` their valid (bit 0) and ready
    (bit 1), in the order of :data:`STREAMS`.
    """

    outcome: Outcome
    cycles: int
    status: Status
    moved: tuple[int, ...]
    handshakes: tuple[int, ...]

    def check(self, job: CoreJob, quiet_limit: int) -> None:
        """Raise a :class:`SimulationError` unless the core has stopped by itself."""
        if self.outcome == Outcome.STOPPED:
            return
        reason = {
            Outcome.CYCLE_LIMIT: f"Core did not halt within {self.cycles} cycles",
            Outcome.NO_PROGRESS: f"Core moved nothing for {quiet_limit} cycles, up to cycle "
                                 f"{self.cycles}",
            Outcome.TOO_MANY_BEATS: f"Core sent more than {job.d_beats} D beats",
        }[self.outcome]
        totals = (len(job.words), len(job.a_data), len(job.b_data), len(job.c_data), job.d_beats)
        waiting = ("", " (offered, not taken)", " (ready, nothing offered)", " (moving)")
        streams = [f"{name} {done} of {total}{waiting[handshake]}" for name, done, total, handshake
                   in zip(STREAMS, self.moved, totals, self.handshakes, strict=True)]
        raise SimulationError(f"{reason}; status {self.status}; beats moved: {', '.join(streams)}")


def unpack_counters(bits: int) -> dict[str, int]:
    """The fields of the core's port ``counters``."""
    return {name: bits >> 48 * n & (1 << 48) - 1 for n, name in enumerate(COUNTERS)}
