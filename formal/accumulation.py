"""From pick to bank: an update reads what the update before it, of the same accumulator, wrote.

Picker, multiplier lane and accumulator bank in a row.  Every input of the picker is free, so its
hazard distance is on its own here, and the results of multiplier and adder are free in every
cycle: the proof holds for any operation that takes as many cycles, on either kind of number.
"""

from amaranth import Signal
from amaranth.lib import wiring

from .binding import Design
from .harness import Harness

__all__ = ["Accumulation"]


class Accumulation(Harness):
    """The row of three, with one accumulator watched, any one.

    ``alone``: while the bank reads the accumulator for an update, no other update of it is in
    its adder, and updates are as many cycles apart on their whole way.  ``current``: what it
    reads is the accumulator's value, that is the latest sum, write or clear.  ``readable``:
    so is what the read port shows, while no update of the context comes or is in the adder.
    ``path``: an update that was picked arrives, once, after the latency of the lane, with its
    product.

    Assumed of the access ports, by the contract of the bank: a context is written or cleared only
    while no update of it is at the bank or in its adder, and not both in one cycle.

    Parameters
    ----------
    picker : BankPicker
    lane : MultiplierLane
    bank : AccumulatorBank
    config : Config
    """

    def __init__(self, picker, lane, bank, config):
        super().__init__()
        self.picker, self.lane, self.bank, self.config = picker, lane, bank, config
        self.inside = {"picker": Design(picker), "lane": Design(lane), "bank": Design(bank)}
        for name, design in self.inside.items():
            self.m.submodules[name] = design.fragment
        self.multiplier = self.inside["lane"].cut("multiplier")
        self.adder = self.inside["bank"].cut("adder")
        self.m.d.comb += [lane.i.eq(picker.o), bank.i.eq(lane.o)]
        self.free(self.multiplier.o, self.adder.o)
        self.free(*(getattr(component, name) for component in (picker, bank)
                    for name, member in component.signature.members.items()
                    if member.flow is wiring.In and name != "i"))
        self.index = self.constant("index", config.bank_depth)
        self.context = self.constant("context", 2)
        for step in (self.path, self.access, self.value):
            step()

    def _mine(self, product):
        return product.valid & (product.acc == self.context) & (product.index == self.index)

    def _stage(self, unit, n):
        valid, acc, index = (self.inside[unit].signal(f"{name}_{n}")
                             for name in ("valid", "acc", "index"))
        return valid & (acc == self.context) & (index == self.index)

    def path(self):
        """Where updates of the accumulator are: bit n of ``on_path`` was picked n + 1 cycles ago.
        """
        latency = self.adder.latency
        self.at_bank = self.multiplier.latency          # bit of the update that the bank gets now
        self.on_path = path = Signal(1 + self.at_bank + latency, name="on_path")
        picker = self.inside["picker"]
        acc = picker.signal("acc")
        picked = picker.signal("pick").bit_select(self.index, 1) & (acc == self.context)
        self.m.d.sync += path.eq(path << 1 | picked)
        self.claim("path", self._mine(self.picker.o) == path[0],
                   self._mine(self.lane.o) == path[self.at_bank],
                   ~path[self.at_bank] | (self.adder.b == self.multiplier.o))
        for gap in range(1, latency + 1):
            self.claim("alone", (path & (path >> gap)) == 0, ~picked | ~path[gap - 1])
        self.tie(self.tie_path)

    def tie_path(self):
        """What the units hold of the accumulator's updates under way."""
        picker = self.inside["picker"]
        for n in range(self.adder.latency):
            stage, acc = (picker.signal(f"{name}_{n}") for name in ("in_flight", "in_flight_acc"))
            yield (stage.bit_select(self.index, 1) & (acc == self.context)) == self.on_path[n]
            yield self._stage("bank", n) == self.on_path[self.at_bank + 1 + n]
            valid, acc = (self.inside["bank"].signal(f"{name}_{n}") for name in ("valid", "acc"))
            for context, adding in enumerate(self.adding):
                yield adding[n] == (valid & (acc == context))

    def access(self):
        """The rules of the access ports."""
        bank, self.adding = self.bank, []
        for context in range(2):
            arrives = bank.i.valid & (bank.i.acc == context)
            adding = Signal(self.adder.latency, name=f"adding_{context}")
            self.m.d.sync += adding.eq(adding << 1 | arrives)
            self.adding.append(adding)
            writes = bank.write_en & (bank.write_acc == context)
            self.assume(~(writes | bank.clear[context]) | ~(arrives | adding.any()))
            self.assume(~(writes & bank.clear[context]))

    def value(self):
        """The accumulator's value: that of its latest sum, write or clear."""
        m, bank = self.m, self.bank
        self.latest = value = Signal(self.config.acc_bits, name="value")
        with m.If(self.on_path[self.at_bank + self.adder.latency]):
            m.d.sync += value.eq(self.adder.o)
        with m.Elif(bank.write_en & (bank.write_acc == self.context)
                    & (bank.write_index == self.index)):
            m.d.sync += value.eq(bank.write)
        with m.Elif(bank.clear.bit_select(self.context, 1)):
            m.d.sync += value.eq(0)
        adding = self.on_path[self.at_bank + 1:]
        self.claim("current", ~self.on_path[self.at_bank] | (self.adder.a == value))
        self.asked = Signal.like(bank.read_index, name="asked")
        m.d.sync += self.asked.eq(bank.read_index)
        read = (bank.read_acc == self.context) & (self.asked == self.index)
        arrives = bank.i.valid & (bank.i.acc == self.context)
        self.claim("readable", ~read | arrives | (adding != 0) | (bank.read == value))
        self.tie(self.tie_value)

    def tie_value(self):
        """What the bank holds of the accumulator."""
        inside = self.inside["bank"]
        yield inside.signal("read_index_0") == self.asked
        for context in range(2):
            word = inside.word(f"context_{context}", self.index)
            written = inside.signal(f"written_{context}").bit_select(self.index, 1)
            yield (self.context != context) | (
                (word & written.replicate(len(word))) == self.latest)
