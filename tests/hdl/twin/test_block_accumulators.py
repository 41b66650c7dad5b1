"""Accumulators of an inner-product core: blocks of sums in one context, rows in the other."""

import pytest
from unit_bench import CONFIGS, Bench

from dstc.twin import TwinShape
from dstc_hdl.twin.accumulators import BlockAccumulators


class Blocks:
    """Random accesses of all kinds against a matrix for each context."""

    def __init__(self, config, seed):
        self.config, self.twin = config, TwinShape(config)
        self.bench = Bench(BlockAccumulators(self.twin), seed)
        self.rng = self.bench.rng
        self.sums = [[[None] * config.tile_n for _ in range(config.tile_m)] for _ in range(2)]
        self.want, self.compared = {}, 0
        self.asked = {"acc": ({"zero": 1}, []), "drain": ({"acc": 0, "bank_row": 0}, [])}
        self.bench.before(self.drive)
        self.bench.after(self.look, "acc", "drain")

    def block(self, acc):
        """A block and the places of its sums: top left first, row by row."""
        config, twin, rng = self.config, self.twin, self.rng
        i, j = rng.randrange(twin.row_blocks), rng.randrange(twin.col_blocks)
        at = {"valid": 1, "acc": acc, "lower": i % 2, "right": j % 2,
              "index": i // 2 + config.row_groups * (j // 2), "zero": rng.random() < .1}
        return at, [(i * twin.rows + p, j * twin.cols + q)
                    for p in range(twin.rows) for q in range(twin.cols)]

    def row(self, acc):
        """A row of a column group and the places of its sums."""
        config, rng = self.config, self.rng
        m, v = rng.randrange(config.tile_m), rng.randrange(config.col_groups)
        at = {"en": 1, "acc": acc, "bank_row": m % config.array_rows,
              "index": m // config.array_rows + config.row_groups * v}
        return at, [(m, v * config.array_cols + n) for n in range(config.array_cols)]

    def read(self, ctx, cycle, shown, at, places):
        """Ask for sums one cycle ahead; those that were asked for are shown now."""
        dut, (now, places_now) = self.bench.dut, self.asked[shown]
        self.asked[shown] = at, places
        if shown == "acc":
            ctx.set(dut.read_at, at)
        else:
            ctx.set(dut.drain_acc, now["acc"])
            ctx.set(dut.drain_row, now["bank_row"])
            ctx.set(dut.drain_next_row, at["bank_row"])
            ctx.set(dut.drain_next_index, at["index"])
        self.want[cycle, shown] = [0 if now.get("zero") else self.sums[now["acc"]][m][n]
                                   for m, n in places_now]

    def drive(self, ctx, cycle):
        dut, computing = self.bench.dut, cycle // 50 % 2
        written = []
        for kind, acc, shown, write_at, given in (
                (self.block, computing, "acc", dut.write_at, dut.total),
                (self.row, 1 - computing, "drain", dut.load_at, dut.load)):
            self.read(ctx, cycle, shown, *kind(acc))
            at, places = kind(acc)
            if self.rng.random() < .3:
                at.pop("valid", at.pop("en", None))
                places = []
            values = [self.rng.getrandbits(32) for _ in range(len(given))]
            ctx.set(write_at, at)
            ctx.set(given, values)
            written += [(acc, m, n, value) for (m, n), value in zip(places, values, strict=False)]
        # Writes are seen from the next cycle on.
        for acc, m, n, value in written:
            self.sums[acc][m][n] = value

    def look(self, cycle, acc, drain):
        for name, got in (("acc", acc), ("drain", drain)):
            for value, want in zip(got, self.want[cycle, name], strict=cycle > 0):
                if want is not None:
                    assert value == want, (cycle, name)
                    self.compared += 1


@pytest.mark.parametrize("name, cycles", [("tiny", 200), ("odd", 100), ("narrow", 200)])
def test_accesses(name, cycles):
    config = CONFIGS.get(name) or CONFIGS["tiny"].replace(name=name, array_cols=2)
    blocks = Blocks(config, 61)
    blocks.bench.run(lambda: blocks.bench.cycle == cycles, cycles + 1)
    assert blocks.compared > cycles
