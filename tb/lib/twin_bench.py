"""An inner-product core under test: its streams, and products with their cycles."""

from typing import Any

import cocotb
import numpy as np
from numpy.typing import NDArray

from dstc.twin import TwinJob

from .bench import Bench

__all__ = ["TwinBench", "structure"]


def words_of(beats: NDArray[np.uint8]) -> list[int]:
    """Rows of bytes as integers."""
    return [int.from_bytes(row.tobytes(), "little") for row in beats]


def structure(b: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """A copy of which, in every four rows from the first, each column keeps two elements."""
    kept = b.copy()
    for first in range(0, len(b), 4):
        for column in range(b.shape[1]):
            group = kept[first:first + 4, column]
            group[rng.permutation(len(group))[2:]] = 0
    return kept


class TwinBench:
    """Streams around an inner-product core."""

    def __init__(self, bench: Bench):
        self.bench, self.config = bench, bench.config
        self.inputs = {name: bench.driver(name) for name in ("job", "a", "b", "c")}
        self.beats: list[tuple[int, int]] = []
        self.sink = bench.monitor("d", sink=lambda d: self.beats.append((d["data"], d["last"])))
        self.issues: list[int] = []
        cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        while True:
            await self.bench.tick()
            if not self.bench.in_reset and self.bench.get("issue"):
                self.issues.append(self.bench.cycle)

    def stalls(self, make: Any) -> None:
        """New stall patterns on every stream."""
        for end in (*self.inputs.values(), self.sink):
            end.stall = make()

    def put(self, job: TwinJob) -> None:
        """Queue the streams of a product."""
        self.inputs["job"].put(*[job.job] * job.tiles)
        for name, beats in (("a", job.a_data), ("b", job.b_data), ("c", job.c_data)):
            self.inputs[name].put(*words_of(beats))

    async def run(self, job: TwinJob) -> NDArray[Any]:
        """A product; leaves the cycles of its blocks in ``issues``, of its beats in the sink."""
        config = self.config
        self.beats.clear()
        self.issues.clear()
        self.sink.taken.clear()
        self.put(job)
        await self.bench.until(lambda: len(self.beats) == job.d_beats, f"{job.d_beats} beats of D",
                               limit=40 * job.cycles + 4000)
        await self.bench.tick(10)
        assert len(self.beats) == job.d_beats
        assert all(source.idle for source in self.inputs.values()), "every beat is taken"
        assert len(self.issues) == job.cycles
        assert [n for n, (_, last) in enumerate(self.beats) if last] == list(
            range(config.c_beats - 1, job.d_beats, config.c_beats))
        size = config.c_beat_bits // 8
        octets = b"".join(word.to_bytes(size, "little") for word, _ in self.beats)
        return job.assemble(np.frombuffer(octets, np.uint8).reshape(-1, size))
