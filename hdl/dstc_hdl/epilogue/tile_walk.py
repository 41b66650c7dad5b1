"""Order of the beats of a result tile."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["TileWalk"]


class TileWalk(wiring.Component):
    """Counts the beats of a D tile: row by row, within a row column group by column group.

    Timing: ``row`` and ``group`` are registered and move on in the cycle after ``step``; ``last``
    marks the final beat, after which they start anew.

    Parameters
    ----------
    config : Config

    Members
    -------
    step : ``In(1)``
    row : ``Out(range(tile_m))``, group : ``Out(range(col_groups))``
    last : ``Out(1)``
    started : ``Out(1)``
        The beat is not the first of its tile.
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "step": In(1),
            "row": Out(range(config.tile_m)),
            "group": Out(range(config.col_groups)),
            "last": Out(1),
            "started": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        group_last = Signal()
        m.d.comb += [
            group_last.eq(self.group == config.col_groups - 1),
            self.last.eq(group_last & (self.row == config.tile_m - 1)),
            self.started.eq(self.row.any() | self.group.any()),
        ]
        with m.If(self.step):
            m.d.sync += self.group.eq(Mux(group_last, 0, self.group + 1))
            with m.If(group_last):
                m.d.sync += self.row.eq(Mux(self.last, 0, self.row + 1))
        return m
