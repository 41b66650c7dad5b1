"""The verilated core."""

from pathlib import Path

from dstc.config import Config
from dstc_hdl.emit import Emitted

from ..runs import MAX_CYCLES, QUIET_LIMIT, STREAMS, CoreJob, CoreRun, Ending, Stall
from .streams import StreamInput, StreamModel

__all__ = ["CoreModel"]


class CoreModel:
    """A core, or anything with exactly its ports, compiled by Verilator.

    Parameters
    ----------
    emitted : Emitted
        The core.
    config : Config
        Gives the widths of the beats.
    trace : Path, optional
        See :class:`StreamModel`.

    Raises
    ------
    SimulationError
        If the model cannot be built.
    """

    def __init__(self, emitted: Emitted, config: Config, *, trace: Path | None = None) -> None:
        c_bytes = config.c_beat_bits // 8
        self._model = StreamModel(
            emitted, {"instr": 8, "a": config.a_beat_bits // 8, "b": config.b_beat_bits // 8,
                      "c": c_bytes}, {"d": c_bytes}, trace=trace)

    def close(self) -> None:
        """As :meth:`dstc_sim.runs.CoreSimulator.close`."""
        self._model.close()

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
        stall = stall or Stall()
        run = self._model.run(
            {"instr": StreamInput(job.words.astype("<u8", copy=False)),
             "a": StreamInput(job.a_data, job.a_last), "b": StreamInput(job.b_data, job.b_last),
             "c": StreamInput(job.c_data)}, {"d": job.d_beats}, stalls=stall.thresholds(),
            states=stall.states(), max_cycles=max_cycles, quiet_limit=quiet_limit, resume=resume)
        Ending(outcome=run.outcome, cycles=run.cycles, status=run.status,
               moved=tuple(run.moved[name] for name in STREAMS),
               handshakes=tuple(run.handshakes[name] for name in STREAMS)).check(job, quiet_limit)
        d_data, d_last = run.outputs["d"]
        return CoreRun(
            d_data=d_data, d_last=d_last, status=run.status, counters=run.counters,
            taken={name: run.moved[name] for name in STREAMS[:-1]}, clock_cycles=run.cycles,
            seconds=run.seconds)
