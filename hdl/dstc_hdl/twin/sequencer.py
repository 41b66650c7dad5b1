"""Block sequencer: walks the blocks of tile after tile, one per cycle."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .layouts import JOB_COUNT_BITS, block_layout, job_layout, row_bits

__all__ = ["BlockSequencer"]


class BlockSequencer(wiring.Component):
    """Block sequencer.

    A job is ``more + 1`` pairs of tiles.  Of each pair all blocks are made over the first k, row
    by row, then all over the next ones; so an accumulator is updated once in ``blocks`` cycles,
    k ascending.  Jobs use the two contexts in turn.

    Timing: one block per cycle; a pair begins in the cycle in which the job and both tiles are
    present, also right behind the one before it, and is not interrupted.  A job is taken with its
    last block.

    Parameters
    ----------
    twin : TwinShape

    Members
    -------
    job : ``In(stream.Signature(job_layout()))``
        Jobs whose context is ready for them.
    present : ``In(1)``
        A tile of either operand is present.
    o : ``Out(block_layout(config))``
    a_row : ``Out(row_bits(twin, "A"))``, b_row : ``Out(row_bits(twin, "B"))``
        Rows of the tile buffers that hold the operands of the block.
    next : ``Out(1)``
        It is the last one of its pair of tiles.
    """

    def __init__(self, twin):
        self._twin = twin
        super().__init__({
            "job": In(stream.Signature(job_layout())),
            "present": In(1),
            "o": Out(block_layout(twin.config)),
            "a_row": Out(row_bits(twin, "A")),
            "b_row": Out(row_bits(twin, "B")),
            "next": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config, twin = self._twin.config, self._twin
        inside, acc, tile = Signal(), Signal(), Signal(JOB_COUNT_BITS)
        go = Signal()
        m.d.comb += go.eq(inside | (self.job.valid & self.present))
        m.d.sync += inside.eq(go & ~self.next)

        at, step = {}, go
        for name, count in (("right", 2), ("col_group", config.col_groups), ("lower", 2),
                            ("row_group", config.row_groups), ("k_block", twin.k_blocks)):
            at[name] = Signal(range(count), name=name)
            last, carry = Signal(name=f"{name}_last"), Signal(name=f"{name}_carry")
            m.d.comb += [last.eq(at[name] == count - 1), carry.eq(step & last)]
            with m.If(step):
                m.d.sync += at[name].eq(Mux(last, 0, at[name] + 1))
            step = carry
        m.d.comb += self.next.eq(step)

        tile_last = Signal()
        m.d.comb += [
            tile_last.eq(tile == self.job.p.more),
            self.job.ready.eq(self.next & tile_last),
            self.a_row.eq(at["k_block"] * twin.row_blocks + Cat(at["lower"], at["row_group"])),
            self.b_row.eq(at["k_block"] * twin.col_blocks + Cat(at["right"], at["col_group"])),
            self.o.valid.eq(go),
            self.o.acc.eq(acc),
            self.o.index.eq(at["row_group"] + config.row_groups * at["col_group"]),
            self.o.lower.eq(at["lower"]),
            self.o.right.eq(at["right"]),
            self.o.zero.eq((tile == 0) & (at["k_block"] == 0) & ~self.job.p.load_c),
            self.o.job_last.eq(self.next & tile_last),
        ]
        with m.If(self.next):
            m.d.sync += tile.eq(Mux(tile_last, 0, tile + 1))
            with m.If(tile_last):
                m.d.sync += acc.eq(~acc)
        return m
