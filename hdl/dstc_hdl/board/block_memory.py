"""Memory in blocks of the FPGA, behind AXI4 and behind the link."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from dstc.accelerator.parameters import BURST_BYTES

from ..accelerator.axi import ID_BITS, LEN_BITS, ReadSignature, WriteSignature

__all__ = ["BlockMemory", "access_layout"]

OKAY, DECERR = 0, 3


def access_layout(acc, size):
    """An access of the link to one word: ``index`` of the word, ``strb`` 0 for a read."""
    return data.StructLayout({"index": ceil_log2(size // acc.data_bytes), "data": acc.data_bits,
                              "strb": acc.data_bytes})


class BlockMemory(wiring.Component):
    """Memory in block RAM.

    INCR bursts of whole beats that cross no multiple of 256 bytes, as the accelerator asks for
    them; answers are in order.  A burst outside of the memory is answered with ``DECERR``; its
    data is anything, and nothing is written.

    Timing: a beat in each cycle in each direction, the first of a read two cycles after its
    address was taken, and bursts without a gap; an access of the link takes the place of a beat.

    Parameters
    ----------
    acc : AcceleratorConfig
        Its buses.
    memory : range
        Addresses, multiples of 256.

    Members
    -------
    reads : ``In(ReadSignature(acc))``
    writes : ``In(WriteSignature(acc))``
    access : ``In(stream.Signature(access_layout(acc, size)))``
    value : ``Out(acc.data_bits)``
        In the cycle after a read of the link was taken, the word.

    Raises
    ------
    ValueError
        If the addresses are not multiples of 256, or the first not one of the size rounded up to
        a power of two.
    """

    def __init__(self, acc, memory):
        if memory.start % BURST_BYTES or len(memory) % BURST_BYTES or not memory:
            raise ValueError(f"Memory must start and end at multiples of {BURST_BYTES}, "
                             f"not {memory}")
        if memory.start % (1 << ceil_log2(len(memory))):
            raise ValueError("Memory must start at a multiple of its size rounded up to a power "
                             f"of two, not at {memory.start:#x}")
        self._acc, self._memory = acc, memory
        super().__init__({
            "reads": In(ReadSignature(acc)),
            "writes": In(WriteSignature(acc)),
            "access": In(stream.Signature(access_layout(acc, len(memory)))),
            "value": Out(acc.data_bits),
        })

    def elaborate(self, platform):
        m = Module()
        acc = self._acc
        m.submodules.words = words = Memory(
            shape=acc.data_bits, depth=len(self._memory) // acc.data_bytes, init=[])
        reader, writer = words.read_port(), words.write_port(granularity=8)
        advance, host_writes, host_reads = Signal(), Signal(), Signal()
        m.d.comb += [
            host_writes.eq(self.access.valid & self.access.p.strb.any()),
            host_reads.eq(self.access.valid & ~self.access.p.strb.any()),
            advance.eq(~self.reads.r.valid | self.reads.r.ready),
            self.access.ready.eq(advance | host_writes),
            self.value.eq(reader.data), reader.en.eq(advance),
        ]
        self._read(m, reader, advance, host_reads)
        self._write(m, writer, host_writes)
        return m

    def _begin(self, m, address, take, index, outside):
        """A burst begins: the index of its first word, and whether it is outside."""
        low, high = exact_log2(self._acc.data_bytes), ceil_log2(len(self._memory))
        first = address.p.address
        beyond = (first[:high] >= len(self._memory)) if len(self._memory) < 1 << high else C(0, 1)
        with m.If(take):
            m.d.sync += [index.eq(first[low:high]),
                         outside.eq((first[high:] != self._memory.start >> high) | beyond)]

    def _read(self, m, reader, advance, host_reads):
        r, ar, access = self.reads.r, self.reads.ar, self.access
        index, left = Signal.like(access.p.index), Signal(LEN_BITS)
        active, outside, ident = Signal(), Signal(), Signal(ID_BITS)
        fetch, take = Signal(), Signal()
        m.d.comb += [
            fetch.eq(active & advance & ~host_reads),
            ar.ready.eq(~active | (fetch & (left == 0))), take.eq(ar.valid & ar.ready),
            reader.addr.eq(Mux(host_reads, access.p.index, index)), r.p.data.eq(reader.data),
        ]
        with m.If(advance):
            m.d.sync += [r.valid.eq(fetch), r.p.id.eq(ident), r.p.last.eq(left == 0),
                         r.p.resp.eq(Mux(outside, DECERR, OKAY))]
        with m.If(fetch):
            m.d.sync += [index.eq(index + 1), left.eq(left - 1), active.eq(left != 0)]
        with m.If(take):
            m.d.sync += [active.eq(1), left.eq(ar.p.len), ident.eq(ar.p.id)]
        self._begin(m, ar, take, index, outside)

    def _write(self, m, writer, host_writes):
        aw, w, b, access = self.writes.aw, self.writes.w, self.writes.b, self.access
        index, ident = Signal.like(access.p.index), Signal(ID_BITS)
        active, outside, take, store = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            w.ready.eq(active & ~host_writes & (~b.valid | b.ready)), store.eq(w.valid & w.ready),
            aw.ready.eq(~active | (store & w.p.last)), take.eq(aw.valid & aw.ready),
            writer.addr.eq(index), writer.data.eq(w.p.data),
            writer.en.eq(Mux(store & ~outside, w.p.strb, 0)),
        ]
        with m.If(host_writes):
            m.d.comb += [writer.addr.eq(access.p.index), writer.data.eq(access.p.data),
                         writer.en.eq(access.p.strb)]
        with m.If(b.ready):
            m.d.sync += b.valid.eq(0)
        with m.If(store):
            m.d.sync += index.eq(index + 1)
            with m.If(w.p.last):
                m.d.sync += [active.eq(0), b.valid.eq(1), b.p.id.eq(ident),
                             b.p.resp.eq(Mux(outside, DECERR, OKAY))]
        with m.If(take):
            m.d.sync += [active.eq(1), ident.eq(aw.p.id)]
        self._begin(m, aw, take, index, outside)
