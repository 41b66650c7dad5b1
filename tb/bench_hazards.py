"""The core with several updates of an accumulator in flight: results, and cycles to the one.

Every k-step makes one product, all of them in one bank unless a test says otherwise, so the order
and the distance of the updates are known.  Results are those of :class:`tb.lib.machine.Machine`;
values are drawn until a lost, a doubled or a reordered update would show.
"""

import itertools

import numpy as np

from tb.lib.bench import bench_test
from tb.lib.core_bench import CoreBench, RandomProgram, random_value
from tb.lib.machine import Machine
from tb.lib.models import Tile

TILES = 6       # of a stream


def hazard_of(config):
    """Cycles between two updates of an accumulator: the addition, and the write of its sum."""
    return config.adder_latency + 1


class Script(RandomProgram):
    """A program of tiles with at most one product in every k-step.

    An accumulator is (u, v): row group and column group in the bank of the script.
    """

    def __init__(self, rng, machine):
        super().__init__(rng, machine)
        self.bank = rng.randrange(self.config.array_rows), rng.randrange(self.config.array_cols)
        self.places = [(u, v) for v in range(self.config.col_groups)
                       for u in range(self.config.row_groups)]
        self.slots = 0

    def tiles(self, places, operands=None):
        """Tiles of A and B with dots at these accumulators, one for each k-step; None has none."""
        operands = operands or [self.operands() for _ in places]
        tiles = {}
        for number, letter in enumerate("AB"):
            side = self.machine.sides[letter]
            bits = [0 if place is None else 1 << self.bank[number] + side.lanes * place[number]
                    for place in places]
            bits += [0] * (side.steps - len(bits))
            tiles[letter] = Tile(side, bits, [pair[number] for place, pair
                                              in zip(places, operands, strict=True) if place])
        return tiles

    def operands(self):
        """Two stored values whose product is of the size of others."""
        return tuple(random_value(self.rng, self.config, "steps") for _ in "ab")

    def multiply(self, tiles, acc):
        """Load both tiles into the next slot and multiply them."""
        slot = self.slots % self.config.slots
        self.slots += 1
        for letter, tile in tiles.items():
            self.load(letter, slot, tile)
        self.again(slot, acc)

    def again(self, slot, acc):
        """Multiply what a slot holds."""
        self.word("SPWMMA", a=slot, b=slot, acc=acc)
        self.machine.product(slot, slot, acc, False)

    def halt(self):
        """Drain both contexts and halt."""
        self.drain(0)
        self.drain(1)
        self.word("HALT")
        return self


async def run(core, script):
    """Run a script, compare its results; gives the cycles that it took."""
    await core.run(script.words, script.a, script.b, script.c)
    assert core.beats == script.d, f"D must be {script.d}, not {core.beats}"
    cycles = core.busy
    await core.resume()
    return cycles


def last_pick(sequence, hazard):
    """Cycle of the last product of a bank that gets one k-step per cycle, from the first on.

    A product waits for its k-step, for the product before it and for the one before it of its
    accumulator; the bank follows to a k-step that it waited for in the second cycle after.
    """
    now, last = 0, {}
    for n, key in enumerate(sequence):
        if n:
            now = max(now + 1, 1 + n, last.get(key, -hazard) + hazard)
        last[key] = now
    return now


def spaced(places, count, distance):
    """One accumulator in every ``distance``-th k-step, the others in turn between."""
    others = itertools.cycle(places[1:])
    return [next(others) if n % distance else places[0] for n in range(count)]


@bench_test
async def exact_cycles(bench):
    """A stream of one accumulator takes the hazard distance for each k-step; others what they
    must: all distances up to two more, and two accumulators in turn.
    """
    config, hazard, core = bench.config, hazard_of(bench.config), CoreBench(bench)
    machine = Machine(config)
    await bench.start()
    steps = config.tile_k * config.slots
    free = list(range(len(Script(bench.rng, machine).places)))
    patterns = {"no conflict": [free[n % len(free)] for n in range(steps)]}
    for distance in range(1, hazard + 3):
        patterns[f"distance {distance}"] = spaced(free, steps, distance)
    patterns["two in turn"] = [n % 2 for n in range(steps)]
    spare = None
    for name, pattern in patterns.items():
        script = Script(bench.rng, machine)
        start = bench.rng.randrange(len(free))
        places = [script.places[(start + number) % len(free)] for number in pattern]
        # All slots are loaded first, so nothing but the bank makes a k-step wait.
        for slot in range(config.slots):
            for letter, tile in script.tiles(
                    places[slot * config.tile_k:][:config.tile_k]).items():
                script.load(letter, slot, tile)
        script.word("BARRIER")
        for n in range(TILES):
            script.again(n % config.slots, 0)
        cycles = await run(core, script.halt())
        sequence = (pattern * TILES)[:TILES * config.tile_k]
        if name == "distance 1":
            assert last_pick(sequence, hazard) == hazard * (len(sequence) - 1)
        spare = spare or cycles - last_pick(sequence, hazard)
        assert cycles == spare + last_pick(sequence, hazard), (
            f"{name} must take {spare + last_pick(sequence, hazard)} cycles, not {cycles}")


def telling(script, start, count):
    """Operands of the updates of an accumulator, drawn so that every slip would show in its sum.

    A slip is an update that is lost, or made twice, or, of numbers that are rounded, changes
    places with the one before it.
    """
    element = script.config.format
    # Of each update: its operands, its term, the sum after it, and the sums after every slip.
    made = [(None, None, start, np.zeros(0, element.acc_dtype))]
    misses = 0
    for _ in range(100_000):
        if len(made) > count:
            return [pair for pair, *_ in made[1:]]
        _, term, now, slips = made[-1]
        pair = script.operands()
        raw = np.array(pair, f"<u{element.dtype.itemsize}").view(element.dtype)
        new = raw.astype(element.acc_dtype).prod(dtype=element.acc_dtype)
        others = [*(slips + new), now, now + new + new]
        # Onto 0 the first two sum up alike in either order.
        if element.is_float and term is not None and (len(made) > 2 or start):
            others.append(made[-2][2] + new + term)
        if (np.array(others) != now + new).all():
            made.append((pair, new, now + new, np.array(others, element.acc_dtype)))
            misses = 0
            continue
        misses += 1
        if misses % 20 == 0:
            # Some sums leave no choice that tells: go back anywhere.
            del made[script.rng.randint(1, len(made)):]
    raise AssertionError(f"no operands tell every slip of {count} updates")


def stream(script, sequence):
    """k-steps of a sequence of (context, place): whole tiles, each in the context of its steps."""
    config, groups = script.config, []
    for n, (acc, _) in enumerate(sequence):
        if not groups or len(groups[-1][1]) == config.tile_k or groups[-1][0] != acc:
            groups.append((acc, []))
        groups[-1][1].append(n)

    operands = [None] * len(sequence)
    for acc, (u, v) in dict.fromkeys(sequence):
        where = [n for n, key in enumerate(sequence) if key == (acc, (u, v))]
        start = script.machine.acc[acc][script.bank[0] + config.array_rows * u,
                                        script.bank[1] + config.array_cols * v]
        for n, pair in zip(where, telling(script, start, len(where)), strict=True):
            operands[n] = pair
    for acc, steps in groups:
        script.multiply(script.tiles([sequence[n][1] for n in steps],
                                     [operands[n] for n in steps]), acc)


def whole_c(script, acc):
    """LDC of numbers of the size of the products."""
    script.word("LDC", acc=acc)
    config = script.config
    beats = []
    for _ in range(config.c_beats):
        words = (script.rng.getrandbits(1) << 31 | script.rng.randint(120, 134) << 23
                 | script.rng.getrandbits(23) for _ in range(config.array_cols))
        beats.append(sum(word << 32 * n for n, word in enumerate(words)))
    script.c += beats
    script.machine.load_c(acc, beats)


@bench_test
async def every_distance(bench):
    """Updates 1 to two more than the hazard distance apart, in one context and in both in turn."""
    config, hazard, core = bench.config, hazard_of(bench.config), CoreBench(bench)
    machine = Machine(config)
    await bench.start()
    for both in (False, True):
        for distance in range(1, hazard + 3):
            script = Script(bench.rng, machine)
            core.stalls(bench.stall if distance % 2 else bench.random_stall)
            whole_c(script, 0)
            whole_c(script, 1)
            bench.rng.shuffle(script.places)
            count = 4 * distance + 1 + config.tile_k
            places = spaced(script.places, count, distance)
            stream(script, [(n % 2 if both else 0, place) for n, place in enumerate(places)])
            await run(core, script.halt())


@bench_test
async def drains_and_loads_at_once(bench):
    """A drain right behind the last update, C right behind the drain, updates right behind C."""
    config, core, machine = bench.config, CoreBench(bench), Machine(bench.config)
    await bench.start()
    for length in range(1, 2 * hazard_of(config), 2 if bench.four_state else 1):
        script = Script(bench.rng, machine)
        core.stalls(bench.stall if length % 3 else bench.random_stall)
        place = bench.rng.choice(script.places)
        for acc in (0, 0, 1, 0, 1, 1):
            if bench.rng.random() < 0.7:
                whole_c(script, acc)
            stream(script, [(acc, place)] * length)
            script.drain(acc)
        await run(core, script.halt())


@bench_test
async def accumulators_interleaved(bench):
    """Any order of a few accumulators and both contexts, and k-steps that fill whole banks."""
    config, core, machine = bench.config, CoreBench(bench), Machine(bench.config)
    await bench.start()
    for few in (2, 3, 5):
        script = Script(bench.rng, machine)
        core.stalls(bench.random_stall)
        whole_c(script, 0)
        whole_c(script, 1)
        places = bench.rng.sample(script.places, few)
        for _ in range(1 if bench.four_state else 3):
            acc = bench.rng.getrandbits(1)
            keys = []
            for _ in range(4 * config.tile_k):
                acc ^= bench.rng.random() < 0.3
                keys.append((acc, bench.rng.choice(places)))
            stream(script, keys)
            slot = script.slots % config.slots
            script.slots += 1
            for letter, side in machine.sides.items():
                stripe = sum(1 << n for n in range(script.bank[letter == "B"], side.span,
                                                   side.lanes))
                values = [random_value(bench.rng, config, "steps")
                          for _ in range(stripe.bit_count() * side.steps)]
                script.load(letter, slot, Tile(side, [stripe] * side.steps, values))
            script.again(slot, acc)
            if bench.rng.random() < 0.5:
                script.drain(bench.rng.getrandbits(1))
        await run(core, script.halt())
