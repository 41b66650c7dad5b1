# amaranth: UnusedElaboratable=no
"""The epilogue: result tiles and words in, raw tiles and tile records out."""


import pytest
from epilogue_model import Tiles
from unit_bench import CONFIGS, Bench

from dstc.config import Config, get_config
from dstc_hdl.epilogue import Epilogue

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


class EpilogueBench(Bench):
    """The epilogue with all of its streams."""

    def __init__(self, config, tiles, p=(1, 1, 1, 1), seed=0):
        super().__init__(Epilogue(config), seed)
        self.words = self.drive("instr", tiles.words, p[0])
        self.beats = self.drive("i", tiles.beats, p[1])
        self.d = self.take("d", p[2])
        self.y = self.take("y", p[3])
        self.busy, self.code = [], 0
        self.after(self._watch, "busy", "error", "code")

    def _watch(self, cycle, busy, error, code):
        self.busy.append(busy)
        assert code == 10 * error
        assert code >= self.code, "an error stays"
        self.code = code

    def run_to_end(self, tiles, limit):
        """Until everything has come, and some cycles on, in which nothing more may come."""
        self.run(lambda: len(self.d.tokens) == len(tiles.d) and len(self.y.tokens) == len(tiles.y)
                 and self.words.idle and self.beats.idle, limit)
        self.after_end()
        assert self.d.tokens == tiles.d
        assert self.y.tokens == tiles.y
        assert not self.code

    def after_end(self):
        end = self.cycle + 30
        self.run(lambda: self.cycle == end, 31)


def random_tiles(config, seed, count, **fixed):
    """Operations of all kinds; tiles of every density."""
    tiles = Tiles(config, Bench(Epilogue(config), seed).rng)
    for n in range(count):
        tiles.add(tiles.random_operation(**fixed), tiles.random_tile((1, .3, 0, .8)[n % 4]))
    return tiles


def limit_of(tiles):
    return 200 + 8 * (len(tiles.words) + len(tiles.beats) + len(tiles.d) + len(tiles.y))


@pytest.mark.parametrize("stalls", [(1, 1, 1, 1), (.5, 1, 1, 1), (1, .4, 1, 1), (1, 1, .3, 1),
                                    (1, 1, 1, .3), (.6, .6, .6, .6)],
                         ids=lambda p: "-".join(map(str, p)))
@pytest.mark.parametrize("name", SHAPES)
def test_results(name, stalls):
    config = SHAPES[name]
    tiles = random_tiles(config, len(name), 12 if config.tile_m == 8 else 6)
    EpilogueBench(config, tiles, stalls, seed=5).run_to_end(tiles, limit_of(tiles))


@pytest.mark.parametrize("name", ["paper", "paper-int8"])
def test_paper(name):
    config = get_config(name)
    tiles = random_tiles(config, 3, 3, raw=0)
    tiles.add(tiles.random_operation(raw=1), tiles.random_tile())
    EpilogueBench(config, tiles).run_to_end(tiles, limit_of(tiles))
