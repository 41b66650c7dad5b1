"""Accumulation buffer: R x S banks that read, add and write back."""

from amaranth import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from dstc.isa import CONTEXTS

from .arith import make_adder
from .array import bank_product_layout
from .select import select

__all__ = ["AccumulationBuffer", "AccumulatorBank", "hazard_distance", "row_access_layout"]


def hazard_distance(config):
    """Cycles that must lie between two products for one accumulator.

    The sum leaves the adder after ``adder_latency`` cycles and is in the bank one cycle later.
    """
    return config.adder_latency + 1


def row_access_layout(config):
    """Access to one row of one column group: accumulator ``index`` of the banks of a bank row."""
    return data.StructLayout({
        "en": 1,
        "acc": 1,
        "bank_row": range(config.array_rows),
        "index": range(config.bank_depth),
    })


class AccumulatorBank(wiring.Component):
    """One accumulator bank: ``bank_depth`` accumulators in each of two contexts.

    A product is added to accumulator ``index`` of context ``acc``; an accumulator that was not
    written since its context was cleared counts as +0.  The other context can be read and
    written through the access ports in the same cycle; the caller keeps computing and access
    apart per context.  A product has its context's ports to itself, so which address a port takes
    depends on the product alone and not on who may access.

    Timing: one product per cycle; a product for the same accumulator may follow after
    :func:`hazard_distance` cycles, and the sum can be read then too.  A read is of the
    ``read_index`` of the cycle before, in a register of this bank, and else combinational; writes
    and clears take effect in the next cycle.  The accumulators have no reset: the ``clear`` state
    has.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : ``In(bank_product_layout(config))``
    read_acc : ``In(1)``, read_index : ``In(range(bank_depth))``
    read : ``Out(acc_bits)``
        Meaningful in a cycle without a product for context ``read_acc``.
    write_en, write_acc, write_index, write : ``In``
    clear : ``In(2)``
        Set every accumulator of the context to +0.
    """

    def __init__(self, config):
        self._config = config
        depth = config.bank_depth
        super().__init__({
            "i": In(bank_product_layout(config)),
            "read_acc": In(1), "read_index": In(range(depth)),
            "read": Out(config.acc_bits),
            "write_en": In(1), "write_acc": In(1), "write_index": In(range(depth)),
            "write": In(config.acc_bits),
            "clear": In(CONTEXTS),
        })

    @property
    def latency(self):
        """Cycles from a product to the write of its sum."""
        return self._config.adder_latency

    def elaborate(self, platform):
        m = Module()
        m.submodules.adder = adder = make_adder(self._config)
        valid, acc, index = self.i.valid, self.i.acc, self.i.index
        for n in range(adder.latency):
            stage_valid = Signal(name=f"valid_{n}")
            stage_acc = Signal(name=f"acc_{n}", reset_less=True)
            stage_index = Signal.like(self.i.index, name=f"index_{n}", reset_less=True)
            m.d.sync += [stage_valid.eq(valid), stage_acc.eq(acc), stage_index.eq(index)]
            valid, acc, index = stage_valid, stage_acc, stage_index

        read_index = Signal.like(self.read_index, name="read_index_0", reset_less=True)
        m.d.sync += read_index.eq(self.read_index)
        values = [self._context(m, n, adder.o, valid, acc, index, read_index)
                  for n in range(CONTEXTS)]
        m.d.comb += [
            adder.a.eq(Mux(self.i.acc, values[1], values[0])),
            adder.b.eq(self.i.product),
            self.read.eq(Mux(self.read_acc, values[1], values[0])),
        ]
        return m

    def _context(self, m, n, total, valid, acc, index, read_index):
        """Storage of context ``n``; returns the value that its read port shows."""
        depth, bits = self._config.bank_depth, self._config.acc_bits
        bank = memory.Memory(shape=bits, depth=depth, init=[])
        m.submodules[f"context_{n}"] = bank
        read, write = bank.read_port(domain="comb"), bank.write_port()
        written = Signal(depth, name=f"written_{n}")
        arrives, ends = Signal(name=f"arrives_{n}"), Signal(name=f"ends_{n}")
        value = Signal(bits, name=f"value_{n}")
        m.d.comb += [
            arrives.eq(self.i.valid & (self.i.acc == n)),
            ends.eq(valid & (acc == n)),
            write.en.eq(ends | (self.write_en & (self.write_acc == n))),
            write.addr.eq(Mux(ends, index, self.write_index)),
            write.data.eq(Mux(ends, total, self.write)),
            read.addr.eq(Mux(arrives, self.i.index, read_index)),
            value.eq(Mux(written.bit_select(read.addr, 1), read.data, 0)),
        ]
        with m.If(self.clear[n]):
            m.d.sync += written.eq(0)
        with m.Elif(write.en):
            m.d.sync += written.eq(written | (1 << write.addr))
        return value


class AccumulationBuffer(wiring.Component):
    """Accumulation buffer: R x S accumulator banks with access by rows.

    Timing: products as :class:`AccumulatorBank`; ``read`` shows the row at the ``read_index`` of
    the cycle before and the other places of the same cycle, ``write`` is done in the next.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : ``In(ArrayLayout(bank_product_layout(config), R * S))``
    read_acc : ``In(1)``, read_row : ``In(range(R))``, read_index : ``In(range(bank_depth))``
        Context, bank row and, one cycle ahead, accumulator to read.
    read : ``Out(ArrayLayout(acc_bits, S))``
    write_at : ``In(row_access_layout(config))``
    write : ``In(ArrayLayout(acc_bits, S))``
    clear : ``In(2)``
    """

    def __init__(self, config):
        self._config = config
        row = data.ArrayLayout(config.acc_bits, config.array_cols)
        super().__init__({
            "i": In(data.ArrayLayout(bank_product_layout(config), config.multipliers)),
            "read_acc": In(1),
            "read_row": In(range(config.array_rows)),
            "read_index": In(range(config.bank_depth)),
            "read": Out(row),
            "write_at": In(row_access_layout(config)),
            "write": In(row),
            "clear": In(CONTEXTS),
        })

    @property
    def latency(self):
        return self._config.adder_latency

    def elaborate(self, platform):
        m = Module()
        config = self._config
        rows = [Signal(data.ArrayLayout(config.acc_bits, config.array_cols), name=f"row_{p}")
                for p in range(config.array_rows)]
        for p in range(config.array_rows):
            write_row = Signal(name=f"write_row_{p}")
            m.d.comb += write_row.eq(self.write_at.en & (self.write_at.bank_row == p))
            for q in range(config.array_cols):
                m.submodules[f"bank_{p}_{q}"] = bank = AccumulatorBank(config)
                m.d.comb += [
                    bank.i.eq(self.i[p * config.array_cols + q]),
                    bank.read_acc.eq(self.read_acc),
                    bank.read_index.eq(self.read_index),
                    rows[p][q].eq(bank.read),
                    bank.write_en.eq(write_row),
                    bank.write_acc.eq(self.write_at.acc),
                    bank.write_index.eq(self.write_at.index),
                    bank.write.eq(self.write[q]),
                    bank.clear.eq(self.clear),
                ]
        m.d.comb += self.read.eq(select(m, "row", rows, self.read_row))
        return m
