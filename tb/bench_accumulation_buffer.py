"""AccumulationBuffer: sums in two contexts, one computing while rows of the other are accessed."""

import numpy as np

from dstc_hdl.accumulator import hazard_distance
from tb.bench_arith import SINGLE, WORD, sums
from tb.lib.bench import bench_test


class Model:
    """Accumulators as bits: [context][bank][index]."""

    def __init__(self, bench):
        self.bench, self.config, self.rng = bench, bench.config, bench.rng
        shape = 2, self.config.multipliers, self.config.bank_depth
        self.bits = np.zeros(shape, np.uint32)
        self.corners = SINGLE if self.config.format.is_float else WORD
        self.busy = {}      # (context, bank, index) -> cycle of its last product
        self.settled = [0, 0]
        self.index = 0      # to read, announced one cycle ahead
        self.hazard = hazard_distance(self.config)

    def products(self, contexts, density):
        """Random products for some banks, as close to each other as is allowed."""
        config, lanes = self.config, []
        for bank in range(config.multipliers):
            acc = self.rng.choice(contexts) if contexts else 0
            index = self.rng.randrange(config.bank_depth)
            free = self.bench.cycle - self.busy.get((acc, bank, index), -1000) >= self.hazard
            if not contexts or not free or self.rng.random() >= density:
                lanes.append({"valid": 0, "acc": self.rng.getrandbits(1), "index": index,
                              "product": self.rng.getrandbits(32)})
                continue
            product = (self.rng.choice(self.corners) if self.rng.random() < 0.1
                       else self.rng.getrandbits(32))
            lanes.append({"valid": 1, "acc": acc, "index": index, "product": product})
            self.busy[acc, bank, index] = self.bench.cycle
            self.settled[acc] = self.bench.cycle + self.hazard
        for bank, lane in enumerate(lanes):
            if lane["valid"]:
                self._add(bank, lane)
        return lanes

    def _add(self, bank, lane):
        where = lane["acc"], bank, lane["index"]
        self.bits[where] = sums(self.config.format.is_float,
                                self.bits[where][None].astype(np.uint64),
                                np.array([lane["product"]], np.uint64))[0]

    def accessible(self, computing):
        """Contexts without a product under way."""
        return [acc for acc in (0, 1) if acc not in computing
                and self.bench.cycle >= self.settled[acc]]

    def row(self, at):
        cols = self.config.array_cols
        first = at["bank_row"] * cols
        return self.bits[at["acc"], first:first + cols, at["index"]]

    def read(self, acc, bank_row, next_index):
        """Set the read port; gives the row that it has to show in this cycle."""
        bench, index, self.index = self.bench, self.index, next_index
        bench.set("read_acc", acc)
        bench.set("read_row", bank_row)
        bench.set("read_index", next_index)
        return self.row({"acc": acc, "bank_row": bank_row, "index": index})

    def random_at(self, acc):
        return {"en": 1, "acc": acc, "bank_row": self.rng.randrange(self.config.array_rows),
                "index": self.rng.randrange(self.config.bank_depth)}


async def cycle(bench, model, computing, density):
    """One cycle of products and accesses; checks the row that is read."""
    rng = bench.rng
    bench.set("i", model.products(computing, density))
    writing = None
    free = model.accessible(computing)
    clear = 0
    reads = free and rng.random() < 0.8
    row_read = model.read(rng.choice(free) if reads else rng.getrandbits(1),
                          rng.randrange(bench.config.array_rows),
                          rng.randrange(bench.config.bank_depth)).tolist()
    if free and rng.random() < 0.03:
        clear = 1 << rng.choice(free)
    elif free and rng.random() < 0.3:
        writing = model.random_at(rng.choice(free))
        row = [rng.getrandbits(32) for _ in range(bench.config.array_cols)]
        bench.set("write", row)
    bench.set("write_at", writing or {"bank_row": rng.randrange(bench.config.array_rows)})
    bench.set("clear", clear)
    await bench.tick()
    if reads:
        assert bench.get("read") == row_read
    if writing:
        model.row(writing)[:] = row
    for acc in (0, 1):
        if clear >> acc & 1:
            model.bits[acc] = 0


@bench_test
async def random_phases(bench):
    """Which context computes changes at random; every access is checked."""
    await bench.start()
    model = Model(bench)
    for _ in range(40):
        computing = bench.rng.choice(([], [0], [1], [0, 1], [0], [1]))
        density = bench.rng.choice((0.1, 0.5, 1))
        while any(bench.cycle < model.settled[acc] for acc in (0, 1) if acc not in computing):
            await cycle(bench, model, [], 0)
        for _ in range(bench.rng.randint(1, 30)):
            await cycle(bench, model, computing, density)
    await check_everything(bench, model)


async def check_everything(bench, model):
    bench.set("i", 0)
    bench.set("clear", 0)
    bench.set("write_at", 0)
    model.read(0, 0, 0)
    await bench.tick(model.hazard)
    for acc in (0, 1):
        for bank_row in range(bench.config.array_rows):
            for index in range(bench.config.bank_depth):
                want = model.read(acc, bank_row, (index + 1) % bench.config.bank_depth).tolist()
                await bench.tick()
                assert bench.get("read") == want, f"{index} of row {bank_row} in context {acc}"


@bench_test
async def same_accumulator(bench):
    """Products for one accumulator at the smallest distance allowed; unwritten ones read +0."""
    await bench.start()
    model = Model(bench)
    for _ in range(3):
        await check_everything(bench, model)
        for index in range(bench.config.bank_depth):
            for _ in range(12):
                lanes = [{"valid": 1, "acc": 1, "index": index,
                          "product": bench.rng.getrandbits(32)}
                         for _ in range(bench.config.multipliers)]
                for bank, lane in enumerate(lanes):
                    model._add(bank, lane)
                bench.set("i", lanes)
                await bench.tick()
                bench.set("i", 0)
                if model.hazard > 1:
                    await bench.tick(model.hazard - 1)
        await check_everything(bench, model)
        bench.set("clear", 2)
        await bench.tick()
        model.bits[1] = 0
