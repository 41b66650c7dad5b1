"""The product side collector as hardware, for its cell count; not a part of the core.

It does what :func:`scatter_model.product_side` counts, with three differences that make it
smaller than a design to ship: entries retire in order, a bank waits for a sum in flight instead of
taking another product, and the entry that a bank looks at is chosen before it is known whether
the product may go.
"""

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from dstc_hdl.select import lowest, select_one_hot

__all__ = ["BankSelect", "ProductScatter"]


def entry_layout(config):
    """An OHMMA with its products, lane (i, j) at i * array_cols + j."""
    return data.StructLayout({
        "acc": 1,
        "row": data.ArrayLayout(range(config.tile_m), config.array_rows),
        "col": data.ArrayLayout(range(config.tile_n), config.array_cols),
        "products": data.ArrayLayout(config.acc_bits, config.multipliers),
    })


def bank_layout(config, groups):
    """A product for a bank; ``index`` is row group, then column group."""
    return data.StructLayout({"valid": 1, "acc": 1, "index": range(groups[0] * groups[1]),
                              "product": config.acc_bits})


def routed_layout(config, groups):
    """A product on its way, with its row and column group in the bank."""
    return data.StructLayout({"valid": 1, "row": range(groups[0]), "col": range(groups[1]),
                              "product": config.acc_bits})


class Stage(wiring.Component):
    """One line of the router: every lane has a destination, every destination takes one lane.

    ``take`` says which destinations are served; ``taken`` is then set for the lanes that won.
    """

    def __init__(self, lanes, destinations, payload):
        self._lanes, self._destinations, self._payload = lanes, destinations, payload
        super().__init__({
            "wants": In(data.ArrayLayout(destinations, lanes)),     # one-hot or 0
            "i": In(data.ArrayLayout(payload, lanes)),
            "take": In(destinations),
            "taken": Out(lanes),
            "valid": Out(destinations),
            "o": Out(data.ArrayLayout(payload, destinations)),
        })

    def elaborate(self, platform):
        m = Module()
        lanes = [Value.cast(lane) for lane in self.i]
        taken = Const(0, self._lanes)
        for d in range(self._destinations):
            wanted = Signal(self._lanes, name=f"wanted_{d}")
            m.d.comb += wanted.eq(Cat(self.wants[n][d] for n in range(self._lanes)))
            chosen = lowest(m, f"chosen_{d}", wanted)
            m.d.comb += [self.valid[d].eq(wanted.any()),
                         self.o[d].eq(select_one_hot(m, f"o_{d}", lanes, chosen))]
            taken = taken | (chosen & self.take[d].replicate(self._lanes))
        m.d.comb += self.taken.eq(taken)
        return m


class ProductEntry(wiring.Component):
    """The products of one OHMMA with the positions of its rows and columns."""

    def __init__(self, config):
        self._layout, lanes = entry_layout(config), config.multipliers
        super().__init__({"load": In(1), "present": In(lanes), "i": In(self._layout),
                          "taken": In(lanes), "left": Out(lanes), "o": Out(self._layout)})

    def elaborate(self, platform):
        m = Module()
        held = Signal(self._layout, reset_less=True)
        m.d.comb += self.o.eq(held)
        with m.If(self.load):
            m.d.sync += [held.eq(self.i), self.left.eq(self.present)]
        with m.Else():
            m.d.sync += self.left.eq(self.left & ~self.taken)
        return m


class BankSelect(wiring.Component):
    """One bank: the oldest entry with a product for it, unless that sum is still in flight."""

    def __init__(self, config, entries, groups, hazard):
        self._entries, self._groups, self._hazard = entries, groups, hazard
        super().__init__({
            "i": In(data.ArrayLayout(routed_layout(config, groups), entries)),
            "acc": In(entries), "head": In(entries),
            "take": Out(entries), "o": Out(bank_layout(config, groups))})

    def elaborate(self, platform):
        m = Module()
        offered = Signal(self._entries)
        m.d.comb += offered.eq(Cat(item.valid for item in self.i))
        oldest = Signal(self._entries)
        if self._entries == 1:
            m.d.comb += oldest.eq(offered)
        else:
            ahead = Signal(self._entries)
            m.d.comb += [ahead.eq(offered & ~(self.head - 1)),
                         oldest.eq(Mux(ahead.any(), lowest(m, "of_ahead", ahead),
                                       lowest(m, "of_all", offered)))]
        bits = select_one_hot(m, "chosen", [Value.cast(item) for item in self.i], oldest)
        chosen = data.View(self.i[0].shape(), bits)
        acc, place = Signal(), Signal.like(Cat(chosen.row, chosen.col))
        m.d.comb += [acc.eq((self.acc & oldest).any()), place.eq(Cat(chosen.row, chosen.col))]
        busy, go, stage = Const(0), Signal(), None
        for n in range(self._hazard - 1):
            later = Signal(len(place) + 2, name=f"in_flight_{n}")
            m.d.sync += later.eq(Cat(go, acc, place) if stage is None else stage)
            busy = busy | (later == Cat(1, acc, place))
            stage = later
        m.d.comb += [go.eq(chosen.valid & ~busy),
                     self.take.eq(oldest & go.replicate(self._entries))]
        m.d.sync += [self.o.valid.eq(go), self.o.acc.eq(acc), self.o.index.eq(place),
                     self.o.product.eq(chosen.product)]
        return m


class ProductScatter(wiring.Component):
    """Collector of OHMMA and the router from its products to banks, in two stages per entry.

    Lane (i, j) of an entry goes to bank row ``row[i] mod rows`` and bank column
    ``col[j] mod cols``.  Because all lanes of column j have the same bank column, the first stage
    routes each column's products to bank rows, the second each bank row's to bank columns, and
    nothing blocks in between.

    Parameters
    ----------
    config : Config
        OHMMA and tile.
    banks : tuple of two int
    entries, hazard : int
    """

    def __init__(self, config, banks, entries, hazard):
        self._config, self._banks, self._entries = config, banks, entries
        self._hazard = hazard
        self._groups = config.tile_m // banks[0], config.tile_n // banks[1]
        super().__init__({
            "valid": In(1), "ready": Out(1), "present": In(config.multipliers),
            "i": In(entry_layout(config)),
            "o": Out(data.ArrayLayout(bank_layout(config, self._groups), banks[0] * banks[1])),
        })

    def elaborate(self, platform):
        m = Module()
        entries, count = self._entries, self._banks[0] * self._banks[1]
        head, tail = Signal(entries, init=1), Signal(entries, init=1)      # one-hot
        held, empty, load, retire = (Signal(entries, name=name)
                                     for name in ("held", "empty", "load", "retire"))
        m.d.comb += [
            retire.eq(head & held & empty),
            self.ready.eq((tail & (~held | retire)).any()),
            load.eq(Mux(self.valid & self.ready, tail, 0)),
        ]
        m.d.sync += held.eq((held & ~retire) | load)
        with m.If(load.any()):
            m.d.sync += tail.eq(tail.rotate_left(1))
        with m.If(retire.any()):
            m.d.sync += head.eq(head.rotate_left(1))
        selects = [BankSelect(self._config, entries, self._groups, self._hazard)
                   for _ in range(count)]
        for n, bank in enumerate(selects):
            m.submodules[f"bank_{n}"] = bank
            m.d.comb += [self.o[n].eq(bank.o), bank.head.eq(head)]
        for e in range(entries):
            entry = ProductEntry(self._config)
            m.submodules[f"entry_{e}"] = entry
            m.d.comb += [
                entry.load.eq(load[e]),
                entry.present.eq(self.present), entry.i.eq(self.i),
                empty[e].eq(~(entry.left & ~entry.taken).any()),
            ]
            self._route(m, e, entry, selects)
        return m

    def _route(self, m, e, entry, selects):
        """Both stages of one entry."""
        config, (rows, cols), groups = self._config, self._banks, self._groups
        lanes = config.array_rows, config.array_cols
        payload = data.StructLayout({"row": range(groups[0]), "product": config.acc_bits})
        wide = routed_layout(config, groups)
        first = [Stage(lanes[0], rows, payload) for _ in range(lanes[1])]
        second = [Stage(lanes[1], cols, wide) for _ in range(rows)]
        row_bank = [(Const(1, rows) << row % rows)[:rows] for row in entry.o.row]
        col_bank = [(Const(1, cols) << col % cols)[:cols] for col in entry.o.col]
        for j, stage in enumerate(first):
            m.submodules[f"column_{e}_{j}"] = stage
            for i in range(lanes[0]):
                n = i * lanes[1] + j
                m.d.comb += [
                    stage.wants[i].eq(Mux(entry.left[n], row_bank[i], 0)),
                    stage.i[i].row.eq(entry.o.row[i] // rows),
                    stage.i[i].product.eq(entry.o.products[n]),
                    entry.taken[n].eq(stage.taken[i]),
                ]
            m.d.comb += stage.take.eq(Cat(line.taken[j] for line in second))
        for p, line in enumerate(second):
            m.submodules[f"row_{e}_{p}"] = line
            for j in range(lanes[1]):
                m.d.comb += [
                    line.wants[j].eq(Mux(first[j].valid[p], col_bank[j], 0)),
                    line.i[j].valid.eq(first[j].valid[p]), line.i[j].row.eq(first[j].o[p].row),
                    line.i[j].col.eq(entry.o.col[j] // cols),
                    line.i[j].product.eq(first[j].o[p].product),
                ]
            for q in range(cols):
                bank = selects[p * cols + q]
                m.d.comb += [bank.i[e].eq(line.o[q]), bank.acc[e].eq(entry.o.acc),
                             line.take[q].eq(bank.take[e])]
