# amaranth: UnusedElaboratable=no
"""Accumulator bank and accumulation buffer: updates in flight, contexts, access, clear."""

import pytest
from element_math import add, multiply, random_element, random_sum
from unit_bench import CONFIGS, Bench

from dstc_hdl.accumulator import AccumulationBuffer, AccumulatorBank, hazard_distance

LATENCIES = [1, 2, 3, 4]


def variant(element, latency):
    """Eight accumulators in a bank."""
    return CONFIGS["tiny"].replace(element=element, adder_latency=latency)


def product_of(config, rng):
    return multiply(config, random_element(config, rng), random_element(config, rng))


class Bank:
    """A bank and the sums that it has to hold: +0 at first."""

    def __init__(self, config, seed):
        self.config, self.hazard = config, hazard_distance(config)
        self.bench = Bench(AccumulatorBank(config), seed)
        self.rng, self.dut = self.bench.rng, self.bench.dut
        self.sums = [[0] * config.bank_depth for _ in range(2)]
        self.reads = 0
        self.expected = None
        self.bench.before(self.drive)
        self.bench.after(self.check, "read")

    def set(self, ctx, **inputs):
        names = ("write_en", "clear", "read_acc", "read_index", "write_acc", "write_index",
                 "write", "i")
        assert set(inputs) <= set(names)
        for name in names[:2]:
            ctx.set(getattr(self.dut, name), inputs.get(name, 0))
        ctx.set(self.dut.i.valid, "i" in inputs)
        for name in names[2:]:
            if name in inputs:
                ctx.set(getattr(self.dut, name), inputs[name])

    def product(self, acc, index):
        """Inputs of a product; the model has its sum at once."""
        product = product_of(self.config, self.rng)
        self.sums[acc][index] = add(self.config, self.sums[acc][index], product)
        return {"i": {"valid": 1, "acc": acc, "index": index, "product": product}}

    def read(self, acc, index):
        self.expected = self.sums[acc][index]
        return {"read_acc": acc, "read_index": index}

    def plan(self, cycle):
        """Inputs of a cycle and what is read in it."""
        self.expected = None
        return self.inputs(cycle), self.expected

    def drive(self, ctx, cycle):
        if not cycle:
            self.planned = self.plan(0)
        inputs, expected = self.planned
        # The index comes one cycle ahead of the rest, and at other times anything.
        self.planned = self.plan(cycle + 1)
        index = self.planned[0].get("read_index", self.rng.randrange(self.config.bank_depth))
        self.set(ctx, **inputs | {"read_index": index})
        self.expected = expected

    def check(self, cycle, read):
        if self.expected is not None:
            assert read == self.expected, f"cycle {cycle}, seed {self.bench.seed}"
            self.reads += 1

    def run(self, cycles):
        self.bench.run(lambda: self.bench.cycle == cycles, cycles + 1)


class OneAccumulator(Bank):
    """A product for the same accumulator at exactly the hazard distance, read in between."""

    def inputs(self, cycle):
        if cycle % self.hazard == 0 and cycle:
            # The sum so far can be read in the cycle in which the next product comes.
            read = self.read(1, 5)
            return read | self.product(0, 5)
        return self.product(0, 5) if cycle % self.hazard == 0 else {}


class SameContext(Bank):
    """Products in every cycle, for as many accumulators as the hazard distance has cycles."""

    rounds = 12

    def inputs(self, cycle):
        round_, index = divmod(cycle, self.hazard)
        if round_ < self.rounds:
            return self.product(1, index)
        # Each sum is read at exactly the hazard distance.
        return self.read(1, index) if round_ == self.rounds else {}


class AnyTraffic(Bank):
    """Products in one context, reads, writes and clears in the other, which change places."""

    def __init__(self, config, seed, few):
        super().__init__(config, seed)
        self.last = {}
        self.computing = 0
        self.depth = 2 if few else config.bank_depth
        self.counts = dict.fromkeys(("product", "write", "clear", "swap"), 0)

    def inputs(self, cycle):
        rng, computing = self.rng, self.computing
        if rng.random() < .06:
            self.computing = computing = 1 - computing
            self.counts["swap"] += 1
        inputs, index = {}, rng.randrange(self.depth)
        if cycle - self.last.get((computing, index), -9) >= self.hazard and rng.random() < .9:
            self.last[computing, index] = cycle
            self.counts["product"] += 1
            inputs |= self.product(computing, index)
        other, kind = 1 - computing, rng.choice(["read", "read", "write", "clear", "both", "none"])
        # Access to a context waits until its last products are summed.
        if any(cycle - at < self.hazard for (acc, _), at in self.last.items() if acc == other):
            return inputs
        if kind in ("read", "both"):
            inputs |= self.read(other, rng.randrange(self.depth))
        if kind in ("write", "both"):
            index, value = rng.randrange(self.depth), random_sum(self.config, rng)
            inputs |= {"write_en": 1, "write_acc": other, "write_index": index, "write": value}
            self.sums[other][index] = value
            self.counts["write"] += 1
        if kind == "clear" and rng.random() < .2:
            inputs |= {"clear": 1 << other}
            self.sums[other] = [0] * self.config.bank_depth
            self.counts["clear"] += 1
        return inputs


@pytest.mark.parametrize("element", ["fp16", "int8"])
@pytest.mark.parametrize("latency", LATENCIES)
def test_updates_at_the_hazard_distance(element, latency):
    config = variant(element, latency)
    one = OneAccumulator(config, seed=latency)
    one.run(20 * one.hazard + 1)
    assert one.reads == 20
    full = SameContext(config, seed=latency)
    full.run((full.rounds + 1) * full.hazard)
    assert full.reads == full.hazard


@pytest.mark.parametrize("element", ["fp16", "int8"])
@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("few", [True, False])
def test_contexts_and_access(element, latency, few):
    bank = AnyTraffic(variant(element, latency), seed=10 * latency, few=few)
    bank.run(600)
    assert bank.reads > 80
    assert all(count > 3 for count in bank.counts.values()), bank.counts


@pytest.mark.parametrize("latency", LATENCIES)
def test_hazard_distance(latency):
    """The sum is written ``latency`` cycles after its product and seen in the next."""
    config = variant("fp16", latency)
    assert hazard_distance(config) == AccumulatorBank(config).latency + 1


class Buffer:
    """A buffer with a random product in every bank, rows read and written in the other context."""

    def __init__(self, config, seed):
        self.config, self.hazard = config, hazard_distance(config)
        self.bench = Bench(AccumulationBuffer(config), seed)
        # By context, row and column of the tile.
        self.sums = [[[0] * config.tile_n for _ in range(config.tile_m)] for _ in range(2)]
        self.rng = self.bench.rng
        self.reads, self.last = 0, {}
        self.index = 0      # to read, announced one cycle ahead
        self.bench.before(self.drive)
        self.bench.after(self.check, "read")

    def place(self, bank, index):
        """Row and column of an accumulator."""
        config = self.config
        return (bank // config.array_cols + config.array_rows * (index % config.row_groups),
                bank % config.array_cols + config.array_cols * (index // config.row_groups))

    def drive(self, ctx, cycle):
        config, rng, dut = self.config, self.rng, self.bench.dut
        # Contexts change places every 40 cycles, with a break for updates in flight.
        computing, phase = cycle // 40 % 2, cycle % 40
        products = [{"valid": 0, "acc": rng.randrange(2), "index": 0, "product": 1}
                    for _ in range(config.multipliers)]
        for bank, product in enumerate(products):
            index = rng.randrange(config.bank_depth)
            if phase < 40 - self.hazard and rng.random() < .7 \
                    and cycle - self.last.get((computing, bank, index), -9) >= self.hazard:
                self.last[computing, bank, index] = cycle
                m, n = self.place(bank, index)
                value = product_of(config, rng)
                self.sums[computing][m][n] = add(config, self.sums[computing][m][n], value)
                product |= {"valid": 1, "acc": computing, "index": index, "product": value}
        ctx.set(dut.i, products)
        self.access(ctx, 1 - computing, phase)

    def access(self, ctx, acc, phase):
        """Reads and writes of whole rows of banks; the context is cleared as its turn ends."""
        config, rng, dut = self.config, self.rng, self.bench.dut
        index, self.index = self.index, rng.randrange(config.bank_depth)
        places = [(rng.randrange(config.array_rows), index),
                  (rng.randrange(config.array_rows), rng.randrange(config.bank_depth))]
        write = rng.random() < .2 and phase < 39
        ctx.set(dut.read_acc, acc)
        ctx.set(dut.read_row, places[0][0])
        ctx.set(dut.read_index, self.index)
        ctx.set(dut.write_at, {"en": write, "acc": acc, "bank_row": places[1][0],
                               "index": places[1][1]})

        def row_of(row, index):
            return [self.place(row * config.array_cols + q, index)
                    for q in range(config.array_cols)]

        self.expected = [self.sums[acc][m][n] for m, n in row_of(*places[0])]
        values = [random_sum(config, rng) for _ in range(config.array_cols)]
        ctx.set(dut.write, values)
        if write:
            for (m, n), value in zip(row_of(*places[1]), values, strict=True):
                self.sums[acc][m][n] = value
        clear = phase == 39 and rng.random() < .5
        ctx.set(dut.clear, clear << acc)
        if clear:
            self.sums[acc] = [[0] * config.tile_n for _ in range(config.tile_m)]

    def check(self, cycle, read):
        assert read == self.expected, f"cycle {cycle}"
        self.reads += 1


@pytest.mark.parametrize("name, cycles", [("tiny", 320), ("int8", 160), ("odd", 160)])
def test_buffer(name, cycles):
    buffer = Buffer(CONFIGS[name], seed=81)
    buffer.bench.run(lambda: buffer.bench.cycle == cycles, cycles + 1)
    assert buffer.reads >= cycles
