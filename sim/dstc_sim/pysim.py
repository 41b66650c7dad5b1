"""The core in Amaranth's own simulator: no emission, no compiler, a few hundred cycles a second."""

import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.hdl import Value
from amaranth.lib import wiring
from amaranth.sim import Simulator

from dstc.config import Config

from .runs import (
    MAX_CYCLES,
    QUIET_LIMIT,
    STREAMS,
    CoreJob,
    CoreRun,
    Ending,
    Outcome,
    Stall,
    Status,
    unpack_counters,
)

__all__ = ["PysimCore", "SplitMix"]

PERIOD = 1e-8
MASK = (1 << 64) - 1


class SplitMix:
    """splitmix64, bit for bit the generator of the other simulators."""

    def __init__(self, state: int) -> None:
        self._state = state

    def below(self, threshold: int) -> bool:
        """Whether the next 32-bit number is below; 0 takes no number."""
        if not threshold:
            return False
        self._state = z = (self._state + 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
        return (z ^ z >> 31) >> 32 < threshold


class _Source:
    """One stream into the core; a beat on offer stays until it is taken."""

    def __init__(self, port: Any, beats: Iterator[int], total: int, state: int,
                 threshold: int) -> None:
        self.port = port
        self.payload = Value.cast(port.payload)
        self.beats = beats
        self.left = total
        self.moved = 0
        self.valid = False
        self.random = SplitMix(state)
        self.threshold = threshold

    def drive(self, ctx: Any) -> None:
        if self.valid or not self.left or self.random.below(self.threshold):
            return
        ctx.set(self.payload, next(self.beats))
        ctx.set(self.port.valid, 1)
        self.valid = True

    def taken(self, ctx: Any) -> None:
        ctx.set(self.port.valid, 0)
        self.valid = False
        self.left -= 1
        self.moved += 1


class PysimCore:
    """A core, or any component with its ports, in Amaranth's simulator.

    Parameters
    ----------
    component : Component
        Simulated once: every core runs one job.
    config : Config
        Gives the widths of the beats.
    trace : Path, optional
        VCD file to write.
    """

    def __init__(self, component: wiring.Component, config: Config, *,
                 trace: Path | None = None) -> None:
        self._core: Any = component
        self._config = config
        self._trace = trace

    def run(self, job: CoreJob, *, stall: Stall | None = None, max_cycles: int = MAX_CYCLES,
            quiet_limit: int = QUIET_LIMIT) -> CoreRun:
        """As :meth:`dstc_sim.runs.CoreSimulator.run`."""
        core = self._core
        stall = stall or Stall()
        states, limits = stall.states(), stall.thresholds()
        totals = {"instr": len(job.words), "a": len(job.a_data), "b": len(job.b_data),
                  "c": len(job.c_data)}
        beats = {"instr": iter(job.words.tolist()), "a": _beats(job.a_data, job.a_last),
                 "b": _beats(job.b_data, job.b_last), "c": _beats(job.c_data)}
        sources = [_Source(getattr(core, name), beats[name], totals[name], states[name],
                           limits[name]) for name in STREAMS[:-1]]
        d_random = SplitMix(states["d"])
        got: list[int] = []
        end: dict[str, Any] = {}
        ready = [source.port.ready for source in sources]
        status, d_payload = Value.cast(core.status), Value.cast(core.d.payload)

        async def bench(ctx: Any) -> None:
            quiet = cycle = 0
            outcome = Outcome.CYCLE_LIMIT
            while cycle < max_cycles and outcome == Outcome.CYCLE_LIMIT:
                for source in sources:
                    source.drive(ctx)
                d_ready = not d_random.below(limits["d"])
                ctx.set(core.d.ready, d_ready)
                if ctx.get(status) & 6:
                    outcome = Outcome.STOPPED
                    break
                _, _, *readies, d_valid, payload = await ctx.tick().sample(
                    *ready, core.d.valid, d_payload)
                if d_valid and d_ready:
                    if len(got) == job.d_beats:
                        outcome = Outcome.TOO_MANY_BEATS
                        break
                    got.append(payload)
                fires = [source.valid and bool(taken)
                         for source, taken in zip(sources, readies, strict=True)]
                for source, fired in zip(sources, fires, strict=True):
                    if fired:
                        source.taken(ctx)
                quiet = 0 if any(fires) or (d_valid and d_ready) else quiet + 1
                cycle += 1
                if quiet == quiet_limit:
                    outcome = Outcome.NO_PROGRESS
            handshakes = [source.valid | ctx.get(source.port.ready) << 1 for source in sources]
            handshakes.append(ctx.get(core.d.valid) | ctx.get(core.d.ready) << 1)
            end.update(ending=Ending(
                outcome=outcome, cycles=cycle, status=Status.unpack(ctx.get(status)),
                moved=(*(source.moved for source in sources), len(got)),
                handshakes=tuple(map(int, handshakes))))
            # The counters are final one cycle after the core has stopped.
            for source in sources:
                ctx.set(source.port.valid, 0)
            ctx.set(core.d.ready, 0)
            await ctx.tick()
            end.update(counters=unpack_counters(ctx.get(Value.cast(core.counters))))

        simulator = Simulator(core)
        simulator.add_clock(PERIOD)
        simulator.add_testbench(bench)
        started = time.perf_counter()
        with simulator.write_vcd(str(self._trace)) if self._trace else nullcontext():
            simulator.run()
        seconds = time.perf_counter() - started
        ending: Ending = end["ending"]
        ending.check(job, quiet_limit)
        size = self._config.c_beat_bits // 8
        raw = b"".join(beat.to_bytes(size + 1, "little") for beat in got)
        table = np.frombuffer(raw, np.uint8).reshape(-1, size + 1)
        return CoreRun(d_data=table[:, :size].copy(), d_last=table[:, size].astype(np.bool_),
                       status=ending.status, counters=end["counters"],
                       taken=dict(zip(STREAMS[:-1], ending.moved, strict=False)),
                       clock_cycles=ending.cycles, seconds=seconds)

    def close(self) -> None:
        """As :meth:`dstc_sim.runs.CoreSimulator.close`; every run ends by itself."""


def _beats(data: np.ndarray, last: np.ndarray | None = None) -> Iterator[int]:
    """Payloads as integers: the data, and ``last`` above it."""
    size = 8 * data.shape[1]
    for n, row in enumerate(data):
        yield int.from_bytes(row.tobytes(), "little") | (int(last[n]) << size if last is not None
                                                         else 0)
