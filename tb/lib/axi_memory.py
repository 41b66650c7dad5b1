"""A memory on the channels of cocotbext-axi that answers as late and as mixed up as AXI4 allows."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiBus
from cocotbext.axi.axi_channels import AxiARSink, AxiAWSink, AxiBSource, AxiRSource, AxiWSink
from cocotbext.axi.reset import Reset
from cocotbext.axi.sparse_memory import SparseMemory

__all__ = ["UnorderedMemory", "pauses"]


def pauses(rng: Random, probability: float, burst: int = 1) -> Iterator[bool]:
    """A stall generator of cocotbext-axi: pauses of up to ``burst`` cycles."""
    while True:
        if rng.random() < probability:
            for _ in range(rng.randint(1, burst)):
                yield True
        yield False


@dataclass
class _Burst:
    """One burst that is answered: next address, beats left, cycle of its first answer."""

    ident: int
    address: int
    beats: int
    due: int


class UnorderedMemory(Reset):
    """Serves bursts of different ids in any order, read beats interleaved, each id in order.

    Contents are those of a :class:`SparseMemory`.  Read data are looked up when the beat is sent;
    written data are there when the response is sent, no sooner, so that a reader that does not wait
    for it finds the old.

    Parameters
    ----------
    dut : handle
        With ports ``m_axi_*``, ``clk`` and ``rst``.
    rng : random.Random
    size : int
        Bytes; an access past it fails the test.

    Attributes
    ----------
    memory : SparseMemory
    latency : tuple of int
        Least and greatest number of cycles from a request to its first answer.
    mixing : float
        Probability that the next read beat is of any id and not of the burst under way.
    fail_read, fail_write : callable
        From ID and address of a read beat or of a written burst to its response; 0 is OKAY.  A
        failed beat carries random data, a failed burst writes nothing.
    log : list or None
        If a list, ``r`` or ``w``, ID, address and beats of each burst are added to it.
    """

    def __init__(self, dut: Any, rng: Random, size: int):
        bus = AxiBus.from_prefix(dut, "m_axi")
        self.memory = SparseMemory(size)
        self.latency = (0, 0)
        self.mixing = 0.0
        self.log: list[tuple[str, int, int, int]] | None = None
        self.no_faults()
        self._rng = rng
        self._clock = dut.clk
        self._bytes = len(dut.m_axi_wdata) // 8
        ends: list[Any] = [kind(channel, dut.clk, dut.rst) for kind, channel in (
            (AxiARSink, bus.read.ar), (AxiRSource, bus.read.r), (AxiAWSink, bus.write.aw),
            (AxiWSink, bus.write.w), (AxiBSource, bus.write.b))]
        self.channels = dict(zip(("ar", "r", "aw", "w", "b"), ends, strict=True))
        self._forget()
        self._init_reset(dut.rst, True)
        cocotb.start_soon(self._run())

    def no_faults(self) -> None:
        """Answer everything with OKAY."""
        self.fail_read: Callable[[int, int], int] = lambda ident, address: 0
        self.fail_write: Callable[[int, int], int] = lambda ident, address: 0

    def stall(self, probability: float, burst: int = 1) -> None:
        """Pause every channel at random, each on its own."""
        for channel in self.channels.values():
            channel.set_pause_generator(
                pauses(Random(self._rng.getrandbits(64)), probability, burst))

    def _handle_reset(self, state: bool) -> None:
        if state:
            for channel in self.channels.values():
                channel.clear()
            self._forget()

    def _forget(self) -> None:
        self._now = 0
        self._reads: dict[int, deque[_Burst]] = {}
        self._current: int | None = None
        self._written: deque[tuple[int, int, int]] = deque()    # id, address, beats, by address
        self._data: list[tuple[int, int]] = []                  # beats of the oldest of them
        self._answers: dict[int, deque[tuple[_Burst, list[tuple[int, int]]]]] = {}

    async def _run(self) -> None:
        edge = RisingEdge(self._clock)
        while True:
            await edge
            self._now += 1
            self._accept()
            if self._reads and self.channels["r"].empty():
                self._send_read()
            if self._answers and self.channels["b"].empty():
                self._send_response()

    def _due(self) -> int:
        return self._now + self._rng.randint(*self.latency)

    def _accept(self) -> None:
        while not self.channels["ar"].empty():
            ar = self.channels["ar"].recv_nowait()
            burst = _Burst(int(ar.arid), int(ar.araddr), int(ar.arlen) + 1, self._due())
            self._reads.setdefault(burst.ident, deque()).append(burst)
            if self.log is not None:
                self.log.append(("r", burst.ident, burst.address, burst.beats))
        while not self.channels["aw"].empty():
            aw = self.channels["aw"].recv_nowait()
            self._written.append((int(aw.awid), int(aw.awaddr), int(aw.awlen) + 1))
            if self.log is not None:
                self.log.append(("w", *self._written[-1]))
        while self._written:
            ident, address, beats = self._written[0]
            while len(self._data) < beats and not self.channels["w"].empty():
                w = self.channels["w"].recv_nowait()
                self._data.append((int(w.wdata), int(w.wstrb)))
            if len(self._data) < beats:
                break
            burst = _Burst(ident, address, beats, self._due())
            self._answers.setdefault(ident, deque()).append((burst, self._data))
            self._data = []
            self._written.popleft()

    def _send_read(self) -> None:
        ready = [ident for ident, bursts in self._reads.items() if bursts[0].due <= self._now]
        if not ready:
            return
        if self._current not in ready or self._rng.random() < self.mixing:
            self._current = self._rng.choice(ready)
        assert self._current is not None
        burst = self._reads[self._current][0]
        channel = self.channels["r"]
        beat = channel._transaction_obj()
        beat.rid, beat.rresp = burst.ident, self.fail_read(burst.ident, burst.address)
        beat.rdata = (self._rng.getrandbits(8 * self._bytes) if beat.rresp else
                      int.from_bytes(self.memory.read(burst.address, self._bytes), "little"))
        burst.address += self._bytes
        burst.beats -= 1
        beat.rlast = int(not burst.beats)
        channel.send_nowait(beat)
        if not burst.beats:
            self._reads[burst.ident].popleft()
            if not self._reads[burst.ident]:
                del self._reads[burst.ident]
            self._current = None

    def _send_response(self) -> None:
        ready = [ident for ident, bursts in self._answers.items() if bursts[0][0].due <= self._now]
        if not ready:
            return
        ident = self._rng.choice(ready)
        burst, beats = self._answers[ident].popleft()
        if not self._answers[ident]:
            del self._answers[ident]
        channel = self.channels["b"]
        answer = channel._transaction_obj()
        answer.bid, answer.bresp = ident, self.fail_write(ident, burst.address)
        if not answer.bresp:
            for n, (data, strobe) in enumerate(beats):
                old = self.memory.read(burst.address + n * self._bytes, self._bytes)
                new = data.to_bytes(self._bytes, "little")
                self.memory.write(burst.address + n * self._bytes, bytes(
                    new[lane] if strobe >> lane & 1 else old[lane]
                    for lane in range(self._bytes)))
        channel.send_nowait(answer)
