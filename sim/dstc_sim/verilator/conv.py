"""The verilated core with im2col unit and epilogue."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dstc.beats import TileRecords
from dstc.config import Config
from dstc.conv.program import ConvJob, record_stream
from dstc_hdl.emit import Emitted

from ..runs import BINS, MAX_CYCLES, QUIET_LIMIT, Outcome, SimulationError, Stall
from .streams import StreamInput, StreamModel, StreamRun

__all__ = ["ConvModel", "ConvRun"]

INPUTS = ("instr", "gather", "post", "x", "b", "c")
OUTPUTS = ("d", "y")
# Each stream waits as often as the stream of the bare core that it resembles.
LIKE = {"gather": "instr", "post": "instr", "x": "a", "y": "d"}


@dataclass(frozen=True, kw_only=True, eq=False)
class ConvRun:
    """What one convolution gave.

    Attributes
    ----------
    d_data : numpy.ndarray
        ``uint8[beats, bytes]`` of raw results.
    y : TileRecords
        The next feature map, as it was sent.
    counters : mapping
        As :class:`dstc_sim.runs.CoreRun` has them.
    seconds : float
        Wall time of the simulation.
    """

    d_data: NDArray[np.uint8]
    y: TileRecords
    counters: Mapping[str, int]
    seconds: float

    @property
    def cycles(self) -> int:
        """The sum of the five bins."""
        return sum(self.counters[name] for name in BINS)


class ConvModel:
    """``ConvCore`` compiled by Verilator; serves any number of convolutions.

    A tiles come from the im2col unit: ``a`` and ``direct``, which no stream here drives, stay 0.

    Parameters
    ----------
    emitted : Emitted
        The unit ``conv_core``.
    config : Config

    Raises
    ------
    SimulationError
        If the model cannot be built.
    """

    def __init__(self, emitted: Emitted, config: Config) -> None:
        a_bytes, c_bytes = config.a_beat_bits // 8, config.c_beat_bits // 8
        self._model = StreamModel(
            emitted, dict(zip(INPUTS, (8, 8, 8, a_bytes, config.b_beat_bits // 8, c_bytes),
                              strict=True)), {"d": c_bytes, "y": a_bytes})

    def close(self) -> None:
        """End the simulation; nothing can run afterwards."""
        self._model.close()

    def run(self, job: ConvJob, *, stall: Stall | None = None, max_cycles: int = MAX_CYCLES,
            quiet_limit: int = QUIET_LIMIT, resume: bool = False) -> ConvRun:
        """Reset the core and run one convolution.

        Parameters
        ----------
        job, stall, max_cycles, quiet_limit
            As :meth:`dstc_sim.runs.CoreSimulator.run`.
        resume : bool
            Start by a pulse on ``resume`` instead of a reset; the core must have halted.

        Raises
        ------
        SimulationError
            If the core does not halt, reports an error, or takes or sends anything else than
            the job has.
        """
        stall = stall or Stall()
        limits, seeds = stall.thresholds(), stall.states((*INPUTS, *OUTPUTS))
        inputs = {
            "instr": StreamInput(job.words), "gather": StreamInput(job.gather),
            "post": StreamInput(job.post), "x": StreamInput(job.x.data, job.x.last),
            "b": StreamInput(job.b.data, job.b.last), "c": StreamInput(job.c_data)}
        room = {"d": job.d_beats, "y": job.y_records * self._longest(job.config)}
        run = self._model.run(
            inputs, room, stalls={name: limits[LIKE.get(name, name)] for name in seeds},
            states=seeds, max_cycles=max_cycles, quiet_limit=quiet_limit, resume=resume)
        wanted = {name: len(stream.data) for name, stream in inputs.items()}
        self._check(run, job, wanted)
        y_data, y_last = run.outputs["y"]
        return ConvRun(d_data=run.outputs["d"][0], y=record_stream(y_data, y_last),
                       counters=run.counters, seconds=run.seconds)

    @staticmethod
    def _longest(config: Config) -> int:
        """Beats of a tile record without zeros."""
        elements = config.tile_m * config.tile_k
        return -(-elements // config.a_beat_bits) + -(-elements // config.a_beat_values)

    @staticmethod
    def _check(run: StreamRun, job: ConvJob, wanted: Mapping[str, int]) -> None:
        records = int(run.outputs["y"][1].sum())
        moved = ", ".join(f"{name} {run.moved[name]} of {wanted[name]}" for name in INPUTS)
        story = (f"status {run.status}; beats moved: {moved}; sent: {run.moved['d']} of "
                 f"{job.d_beats} D beats, {records} of {job.y_records} tile records")
        if run.outcome != Outcome.STOPPED:
            raise SimulationError(f"Core stopped by {run.outcome.name} in cycle {run.cycles}; "
                                  f"{story}")
        complete = (all(run.moved[name] == count for name, count in wanted.items())
                    and run.moved["d"] == job.d_beats and records == job.y_records
                    and (not records or run.outputs["y"][1][-1]))
        if run.status.error or not complete:
            raise SimulationError(f"Core stopped with {story}")
