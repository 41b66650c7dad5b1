"""An accelerator with a memory and a host, all in one simulation: a ``dstc.device.Bus``."""

from amaranth import Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from axi_memory import AxiReads, AxiWrites
from unit_bench import Bench

from dstc_hdl.accelerator.axi import ReadSignature, WriteSignature
from dstc_hdl.accelerator.registers import LiteSignature
from dstc_hdl.accelerator.top import Accelerator

__all__ = ["BASE", "Streamed", "System"]

BASE = 0x21_0000_0000
OKAY = 0


class Streamed(wiring.Component):
    """An accelerator whose channels are streams; AXI ports that never change are in ``fixed``."""

    def __init__(self, acc):
        self.accelerator = Accelerator(acc)
        super().__init__({
            "lite": In(LiteSignature()), "irq": Out(1),
            **dict(ReadSignature(acc).members.items()),
            **dict(WriteSignature(acc).members.items()),
        })
        self.fixed = [getattr(self.accelerator, f"m_axi_{channel}{name}")
                      for channel in ("ar", "aw")
                      for name in ("size", "burst", "lock", "cache", "prot", "qos")]

    def elaborate(self, platform):
        m = Module()
        m.submodules.accelerator = self.accelerator
        m.d.comb += self.irq.eq(self.accelerator.irq)
        for channel in ("aw", "w", "b", "ar", "r"):
            # The device sends as a master and answers as a slave.
            sends = channel in ("aw", "w", "ar")
            self._channel(m, f"m_axi_{channel}", getattr(self, channel), sends)
            self._channel(m, f"s_axi_{channel}", getattr(self.lite, channel), not sends)
        return m

    def _channel(self, m, prefix, outer, sends):
        shape = outer.payload.shape()
        if isinstance(shape, data.Layout):
            parts = {field.replace("address", "addr"): outer.p[field] for field, _ in shape}
        else:
            parts = {"resp" if prefix.endswith("b") else "addr": outer.payload}
        parts["valid"] = outer.valid
        for name, theirs in parts.items():
            own = getattr(self.accelerator, prefix + name)
            m.d.comb += theirs.eq(own) if sends else own.eq(theirs)
        ready = getattr(self.accelerator, f"{prefix}ready")
        m.d.comb += ready.eq(outer.ready) if sends else outer.ready.eq(ready)


class System:
    """A device and its memory; see ``dstc.device.Bus``.

    ``p`` are the probabilities with which the five channels of the memory move: ar, r, aw, w, b.
    """

    def __init__(self, acc, seed=0, size=1 << 16, p=(1,) * 5, latency=(2, 2), p_lite=1.0):
        self.acc, self.dut = acc, Streamed(acc)
        self.bench = bench = Bench(self.dut, seed)
        self.memory = bytearray(size)
        self.span = range(BASE, BASE + size)
        self.reads = AxiReads(bench, acc, self.memory, BASE, latency, p[0], p[1])
        self.writes = AxiWrites(bench, acc, self.memory, BASE, latency, *p[2:])
        self._sources = {name: bench.drive(f"lite.{name}", p=p_lite) for name in ("aw", "w", "ar")}
        self._sinks = {name: bench.take(f"lite.{name}", p_lite) for name in "br"}
        self.irq, self.raised = 0, []
        bench.after(self._see, "irq")

    def _see(self, cycle, irq):
        if irq and not self.irq:
            self.raised.append(cycle)
        self.irq = irq

    def _answer(self, name):
        tokens = self._sinks[name].tokens
        count = len(tokens) + 1
        self.bench.run(lambda: len(tokens) == count, 500)
        return tokens[-1]

    def read32(self, offset):
        self._sources["ar"].queue.append(offset)
        answer = self._answer("r")
        assert answer["resp"] == OKAY, hex(offset)
        return answer["data"]

    def write32(self, offset, value):
        self._sources["aw"].queue.append(offset)
        self._sources["w"].queue.append({"data": value, "strb": 15})
        assert self._answer("b") == OKAY, hex(offset)

    def read_memory(self, address, size):
        return bytes(self.memory[address - BASE:][:size])

    def write_memory(self, address, data):
        assert address >= BASE and address + len(data) <= self.span.stop
        self.memory[address - BASE:address - BASE + len(data)] = data

    def wait_interrupt(self, timeout, limit=4000):
        self.bench.run(lambda: self.irq, limit)
        return True

    def step(self, cycles):
        end = self.bench.cycle + cycles
        self.bench.run(lambda: self.bench.cycle >= end, cycles + 1)
