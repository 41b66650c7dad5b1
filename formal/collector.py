"""OperandCollector: every bank makes every product once, in k order, with the right operands.

One bank of a collector is watched; what the other banks still need is free, so the proof holds
beside banks that do anything.  Within the bank one accumulator is watched, any one.  The ghost
notes which of its products are due.
"""

from amaranth import Array, Cat, Mux, Signal

from .binding import Design
from .harness import Harness

__all__ = ["Collector"]

BANK = "bank_0_0"


class Collector(Harness):
    """The collector under any OHMMA stream that keeps the rules of its docstring.

    ``brought``: a product is picked only if its operands came, and once.  ``order``: no product of
    an earlier entry is left for the accumulator then.  ``complete``: an entry retires closed,
    without a product left.  ``operands``: the products at the port are those picked, with the
    operands that came.  ``distance``: two of them are at least ``hazard`` cycles apart.
    ``progress``: while the oldest entry needs the bank, the bank picks within every ``hazard``
    cycles.  ``ports``: ``ready``, ``empty`` and ``done`` say what the docstring says.

    Assumed of the stream: an entry opens with ``first`` and goes on until ``last``; its OHMMA name
    one context; an operand that comes again in an entry has the same value.

    Parameters
    ----------
    component : OperandCollector
    config : Config
    hazard : int
        Distance between two products of an accumulator.
    """

    def __init__(self, component, config, hazard):
        super().__init__()
        self.component, self.config = component, config
        self.entries, self.hazard = config.collector_entries, hazard
        self.design = design = Design(component)
        self.m.submodules.dut = design.fragment
        self.retire = design.signal("retire")
        self.bank = design.part(BANK)
        self.picker = self.bank.component
        self.current, self.pick = self.picker.current, self.bank.signal("pick")
        self.free(component.i.valid, component.i.payload)
        self.free(*(design.cut(f"bank_{p}_{q}").needs_head for p in range(config.array_rows)
                    for q in range(config.array_cols) if f"bank_{p}_{q}" != BANK))
        # Any accumulator: row group g, column group h, context c.
        self.g = self.constant("g", config.row_groups)
        self.h = self.constant("h", config.col_groups)
        self.c = self.constant("c", 2)
        self.index = Signal(range(config.bank_depth), name="index")
        self.m.d.comb += self.index.eq(self.g + config.row_groups * self.h)
        for step in (self.ring, self.stream, self.products, self.outputs, self.distance,
                     self.progress):
            step()
        self.tie(self.tie_ring, self.tie_operands, self.tie_walk, self.tie_distance)

    def _register(self, name, shape=1):
        """A ghost register of every entry."""
        return Array(Signal(shape, name=f"{name}_{e}") for e in range(self.entries))

    def _next(self, entry):
        return Mux(entry == self.entries - 1, 0, entry + 1)

    def ring(self):
        """The ghost's ring: ``held`` entries from ``first`` on; ``rank`` counts from there."""
        m, entries, token = self.m, self.entries, self.component.i.p.token
        self.first = Signal(range(entries), name="ghost_first")
        self.held = Signal(range(entries + 1), name="ghost_held")
        self.last = Signal(range(entries), init=entries - 1, name="ghost_last")
        self.to = Signal(range(entries), name="ghost_to")
        self.take = Signal(name="take")
        opens = self.take & token.first
        m.d.comb += [self.take.eq(self.component.i.valid & self.component.i.ready),
                     self.to.eq(Mux(token.first, self._next(self.last), self.last))]
        m.d.sync += self.held.eq(self.held + opens - self.retire)
        with m.If(opens):
            m.d.sync += self.last.eq(self._next(self.last))
        with m.If(self.retire):
            m.d.sync += self.first.eq(self._next(self.first))
        self.ranks = Array(self._rank(e) for e in range(entries))
        self.live = Array(rank < self.held for rank in self.ranks)
        self.shut, self.context, self.ends = map(self._register, ("shut", "context", "ends"))
        with m.If(self.take):
            m.d.sync += [self.shut[self.to].eq(token.last), self.context[self.to].eq(token.acc),
                         self.ends[self.to].eq(token.op_last)]

    def _rank(self, e):
        rank = Signal(range(self.entries), name=f"rank_{e}")
        self.m.d.comb += rank.eq(Mux(self.first > e, e + self.entries - self.first,
                                     e - self.first))
        return rank

    def stream(self):
        """The rules of the OHMMA stream, and what it brings of the accumulator's operands."""
        m, i, config, to = self.m, self.component.i, self.config, self.to
        token = i.p.token
        self.open = (self.held != 0) & ~self.shut[self.last]
        self.assume(~i.valid | (token.first == ~self.open))
        self.assume(~i.valid | token.first | (token.acc == self.context[to]))
        self.has, self.value = {}, {}
        for side, group, lanes in (("a", self.g, config.array_rows),
                                   ("b", self.h, config.array_cols)):
            mask, values = i.p[side].mask, i.p[side].values
            brings, value = Signal(name=f"brings_{side}"), Signal(config.element_bits,
                                                                  name=f"value_{side}")
            m.d.comb += [brings.eq(Array(mask[n] for n in range(0, len(mask), lanes))[group]),
                         value.eq(Array(values[n] for n in range(0, len(mask), lanes))[group])]
            has = self.has[side] = self._register(f"has_{side}")
            held = self.value[side] = self._register(f"held_{side}", config.element_bits)
            self.assume(~i.valid | token.first | ~(brings & has[to]) | (value == held[to]))
            with m.If(self.take):
                m.d.sync += has[to].eq(brings | (has[to] & ~token.first))
            with m.If(self.take & brings):
                m.d.sync += held[to].eq(value)

    def products(self):
        """A product is due once both operands are there; a pick must take the oldest due one."""
        m, token = self.m, self.component.i.p.token
        self.picked = self._register("picked")
        self.due = Array(Signal(name=f"due_{e}") for e in range(self.entries))
        for e, due in enumerate(self.due):
            m.d.comb += due.eq(self.live[e] & self.has["a"][e] & self.has["b"][e]
                               & (self.context[e] == self.c) & ~self.picked[e])
        self.picks = Signal(name="picks")
        m.d.comb += self.picks.eq(self.pick.bit_select(self.index, 1)
                                  & (self.context[self.current] == self.c))
        with m.If(self.picks):
            m.d.sync += self.picked[self.current].eq(1)
        with m.If(self.take & token.first):
            m.d.sync += self.picked[self.to].eq(0)
        older = Cat(self.due[e] & (self.ranks[e] < self.ranks[self.current])
                    for e in range(self.entries)).any()
        self.claim("brought", ~self.picks | self.due[self.current])
        self.claim("order", ~self.picks | ~older)
        self.claim("complete", ~self.retire | ((self.held != 0) & self.shut[self.first]
                                               & ~self.due[self.first]))

    def outputs(self):
        """What the ports show is what the ghost says."""
        m, dut, token = self.m, self.component, self.component.i.p.token
        o = self.picker.o
        was, a, b = (Signal(width, name=name) for name, width in (
            ("picks_was", 1), ("a_was", self.config.element_bits),
            ("b_was", self.config.element_bits)))
        m.d.sync += [was.eq(self.picks), a.eq(self.value["a"][self.current]),
                     b.eq(self.value["b"][self.current])]
        shown = o.valid & (o.acc == self.c) & (o.index == self.index)
        self.claim("operands", shown == was, ~was | ((o.a == a) & (o.b == b)))
        room = (self.held != self.entries) | self.retire
        self.claim("ports", dut.empty == (self.held == 0),
                   ~dut.i.valid | (dut.i.ready == (~token.first | room)),
                   dut.done == (self.retire & self.ends[self.first]),
                   ~dut.done | (dut.done_acc == self.context[self.first]))

    def distance(self):
        """At least ``hazard`` cycles between two picks of the accumulator."""
        self.since = since = Signal(range(self.hazard + 1), init=self.hazard, name="since")
        with self.m.If(self.picks):
            self.m.d.sync += since.eq(1)
        with self.m.Elif(since != self.hazard):
            self.m.d.sync += since.eq(since + 1)
        self.claim("distance", ~self.picks | (since == self.hazard))

    def progress(self):
        """While the oldest entry needs the bank, the bank picks every ``hazard`` cycles."""
        # Cycles since the last pick, as far as they matter.
        self.idle = idle = Signal(range(self.hazard), name="idle")
        with self.m.If(self.pick.any()):
            self.m.d.sync += idle.eq(0)
        with self.m.Elif(idle != self.hazard - 1):
            self.m.d.sync += idle.eq(idle + 1)
        self.claim("progress", ~self.picker.needs_head | (self.current == self.first),
                   ~self.picker.needs_head | self.pick.any() | (idle != self.hazard - 1))

    def tie_ring(self):
        """The design's ring is the ghost's."""
        head, newest, count, closed, accs, ends = (self.design.signal(name) for name in (
            "head", "newest", "count", "closed", "accs", "ends"))
        expected = Mux(self.first + self.held == 0, self.entries - 1, self.first + self.held - 1)
        yield from (
            head == self.first, newest == self.last, count == self.held,
            self.held <= self.entries, self.first < self.entries,
            self.last == Mux(expected >= self.entries, expected - self.entries, expected))
        for e in range(self.entries):
            same = ((closed[e] == self.shut[e]) & (accs[e] == self.context[e])
                    & (ends[e] == self.ends[e]))
            yield ~self.live[e] | same
            yield ~self.live[e] | self.shut[e] | (self.last == e)

    def tie_operands(self):
        """Masks and values in the stores are those that came; a free entry offers nothing."""
        for side, group in (("a", self.g), ("b", self.h)):
            store = self.design.part(f"store_{side}_0")
            for e in range(self.entries):
                mask, has = store.component.masks[e], self.has[side][e]
                yield Mux(self.live[e], mask.bit_select(group, 1) == has, mask == 0)
                words = Array(store.word(f"values_{n}", e) for n in range(len(mask)))
                yield ~(self.live[e] & has) | (words[group] == self.value[side][e])

    def tie_walk(self):
        """Everything before the current entry is passed or empty, nothing after it is touched."""
        taken, passed = self.bank.signal("taken"), self.bank.signal("passed")
        rows, cols = self.picker.row_masks, self.picker.col_masks
        at, rank = self.current, self.ranks[self.current]
        offered = Cat(rows[at][g] & cols[at][h] for h in range(self.config.col_groups)
                      for g in range(self.config.row_groups))
        mine = taken.bit_select(self.index, 1) & (self.context[at] == self.c)
        yield from (
            at < self.entries, taken & ~offered == 0,
            (rank < self.held) | ((self.held == 0) & (at == self.first)),
            ~self.live[at] | (self.picked[at] == mine))
        for e in range(self.entries):
            before = self.live[e] & (self.ranks[e] < rank)
            present = rows[e].any() & cols[e].any()
            yield from (
                ~passed[e] | before, ~before | passed[e] | ~present, ~before | ~self.due[e],
                ~(self.live[e] & (self.ranks[e] > rank)) | ~self.picked[e])

    def tie_distance(self):
        """What the bank knows of its latest picks."""
        yield from ((self.since != 0) & (self.since <= self.hazard), self.idle < self.hazard)
        for n in range(self.hazard - 1):
            stage, acc = (self.bank.signal(f"{name}_{n}")
                          for name in ("in_flight", "in_flight_acc"))
            yield (self.since != n + 1) | (stage.bit_select(self.index, 1) & (acc == self.c))
            yield (stage == 0) | (self.idle <= n)
