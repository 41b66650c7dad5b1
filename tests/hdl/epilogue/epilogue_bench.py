"""Running the epilogue with all of its streams."""

import random

from epilogue_model import Tiles
from unit_bench import CONFIGS, Bench

from dstc.config import Config, get_config
from dstc_hdl.epilogue import Epilogue

__all__ = ["SHAPES", "EpilogueBench", "random_tiles"]

TINY = get_config("tiny")
SHAPES = {config.name: config for config in (
    TINY,
    *(TINY.replace(name=f"tiny-{name}", element=name)
      for name in ("bf16", "fp8_e4m3", "fp8_e5m2", "int8")),
    get_config("small"),
    # One part of rows and one column group; and three of each.
    CONFIGS["flat"].replace(name="flat"),
    CONFIGS["flat"].replace(name="flat-int8", element="int8", adder_latency=4),
    Config(name="thirds", tile_m=24, tile_n=24, tile_k=8, array_rows=8, array_cols=8,
           element="fp8_e5m2", adder_latency=1),
    # A piece has more values than a beat of the record.
    CONFIGS["int8"],
)}
"""Every format; every shape that the epilogue may get wrong."""


class EpilogueBench(Bench):
    """The epilogue with all of its streams.

    Parameters
    ----------
    config : Config
    tiles : Tiles
    p : sequence of float
        Probabilities that an idle source of ``instr`` and ``i`` offers a token, and that ``d``
        and ``y`` take one.
    """

    def __init__(self, config, tiles, p=(1, 1, 1, 1), seed=0):
        super().__init__(Epilogue(config), seed)
        self.config, self.tiles = config, tiles
        self.words = self.drive("instr", tiles.words, p[0])
        self.beats = self.drive("i", tiles.beats, p[1])
        self.d, self.y = self.take("d", p[2]), self.take("y", p[3])
        self.busy, self.error = [], []
        self.after(self._watch, "busy", "error", "code")

    def _watch(self, cycle, busy, error, code):
        self.busy.append(busy)
        self.error.append(error)
        assert code == 10 * error

    def run_to_end(self):
        """Until everything has come, and some cycles on, in which nothing more may come."""
        tiles = self.tiles
        limit = 200 + 8 * (len(tiles.words) + len(tiles.beats) + len(tiles.d) + len(tiles.y))
        self.run(lambda: len(self.d.tokens) == len(tiles.d) and len(self.y.tokens) == len(tiles.y)
                 and self.words.idle and self.beats.idle, limit)
        self.run_on(30)
        assert self.d.tokens == tiles.d
        assert self.y.tokens == tiles.y
        assert not any(self.error)
        self._check_busy()

    def run_on(self, cycles):
        """So many cycles more."""
        end = self.cycle + cycles
        self.run(lambda: self.cycle == end, cycles + 1)

    def _check_busy(self):
        """From the cycle after a tile's first beat to that of its last result, in no other."""
        want = [0] * self.cycle
        d, y, size = iter(self.d.cycles), iter(self.y.cycles), self.config.c_beats
        for n, records in enumerate(self.tiles.records):
            ports, count = (y, sum(map(len, records))) if records else (d, size)
            first, last = self.beats.cycles[n * size], [next(ports) for _ in range(count)][-1]
            want[first + 1:last + 1] = [1] * (last - first)
        assert self.busy == want


def random_tiles(config, seed, count, densities=(1, .3, 0, .8), **fixed):
    """Operations of all kinds; what is named is the same in all of them."""
    tiles = Tiles(config, random.Random(seed))
    for n in range(count):
        tiles.add(tiles.random_operation(**fixed), tiles.random_tile(densities[n % len(densities)]))
    return tiles
