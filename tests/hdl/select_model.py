"""Which values an OHMMA takes from one side of a k-step, in plain Python."""

__all__ = ["Side", "Taken"]


class Side:
    """Sizes of one operand side."""

    def __init__(self, config, side):
        self.name = side
        self.span, self.lanes = ((config.tile_m, config.array_rows) if side == "A"
                                 else (config.tile_n, config.array_cols))
        self.groups = self.span // self.lanes
        self.values = self.span * config.tile_k
        self.banks = 2 * self.lanes

    def random_case(self, rng):
        """Record, group and mode of an OHMMA that the sequencer may ask for."""
        density = rng.choice([.05, .2, .5, .8, 1])
        bitmap = sum((rng.random() < density) << n for n in range(self.span))
        room = self.values - bitmap.bit_count()
        offset = rng.choice([0, room, rng.randint(0, room), rng.randint(0, room)])
        dense = rng.randrange(2)
        groups = self.groups if dense else -(-bitmap.bit_count() // self.lanes)
        return bitmap, offset, rng.randrange(max(groups, 1)), dense


class Taken:
    """``index[p]``: place of position p's value among the values of the tile."""

    def __init__(self, side, bitmap, offset, group, dense):
        present = [n for n in range(side.span) if bitmap >> n & 1]
        first = group * side.lanes
        chosen = ([n for n in present if first <= n < first + side.lanes] if dense
                  else present[first:first + side.lanes])
        self.side = side
        self.index = {n: offset + present.index(n) for n in chosen}
        self.mask = sum(1 << n for n in chosen)

    def check_fetch(self, fetch):
        for index in self.index.values():
            assert fetch[index % self.side.banks] == index // self.side.banks

    def check_select(self, select):
        assert select["mask"] == self.mask
        if self.index:
            assert select["start"] == min(self.index.values()) % self.side.banks
        for position, index in self.index.items():
            assert select["lane"][position] == index % self.side.lanes

    def check_operands(self, operands, values):
        """``values`` of the tile, at their positions."""
        assert operands["mask"] == self.mask
        for position, index in self.index.items():
            assert operands["values"][position] == values[index]
