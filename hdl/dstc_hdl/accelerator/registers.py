"""The registers as an AXI4-Lite slave, made from their table (dstc.accelerator.registers)."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.accelerator.identification import identification_values
from dstc.accelerator.registers import (
    COUNTER_NAMES,
    REGISTERS,
    SPACE_BYTES,
    counter_offset,
    register,
)

__all__ = ["LITE_ADDRESS_BITS", "LITE_BITS", "LITE_BYTES", "LiteSignature", "RegisterFile",
           "counters_layout", "lite_read_layout", "lite_write_layout", "register_layout",
           "settings_layout", "state_layout"]

LITE_BITS = 32
LITE_BYTES = LITE_BITS // 8
LITE_ADDRESS_BITS = (SPACE_BYTES - 1).bit_length()
OKAY, SLVERR = 0, 2
REQUEST = "IRQ_STATUS"
MASK = "IRQ_ENABLE"


def lite_write_layout():
    """Data of an AXI4-Lite write."""
    return data.StructLayout({"data": LITE_BITS, "strb": LITE_BYTES})


def lite_read_layout():
    """Answer to an AXI4-Lite read."""
    return data.StructLayout({"data": LITE_BITS, "resp": 2})


class LiteSignature(wiring.Signature):
    """The five channels of AXI4-Lite as streams, as the master has them; there is no ``prot``."""

    def __init__(self):
        address = stream.Signature(LITE_ADDRESS_BITS)
        super().__init__({
            "aw": Out(address),
            "w": Out(stream.Signature(lite_write_layout())),
            "b": In(stream.Signature(2)),
            "ar": Out(address),
            "r": In(stream.Signature(lite_read_layout())),
        })


def counters_layout():
    """Counters of a core, 64 bits each."""
    return data.StructLayout(dict.fromkeys(COUNTER_NAMES, 64))


def settings_layout():
    """What software sets, by the names of the registers in lower case.

    Two registers ``NAME_LO`` and ``NAME_HI`` are one member of 64 bits.
    """
    return _members(each for each in REGISTERS if each.access == "rw")


def state_layout():
    """What software reads and the device decides; members as in :func:`settings_layout`."""
    return _members(each for each in REGISTERS if each.access == "ro" and not _is_constant(each))


def register_layout(name):
    """One register of 32 bits with its fields in their places."""
    fields = register(name).fields
    return data.FlexibleLayout(LITE_BITS, {field.name: data.Field(field.width, field.lsb)
                                           for field in fields})


def _members(registers):
    return data.StructLayout({_member(each): _shape(each) for each in registers})


def _is_constant(each):
    return each.offset < register("CONTROL").offset


def _member(each):
    return each.name.removesuffix("_LO").removesuffix("_HI").lower()


def _lsb(each):
    """Lowest bit of a register in its member."""
    return LITE_BITS if each.name.endswith("_HI") else 0


def _shape(each):
    if each.name.endswith(("_LO", "_HI")):
        return 2 * LITE_BITS
    if not each.fields:
        return LITE_BITS
    return register_layout(each.name)


def _mask(each):
    """Bits of a register that a field uses."""
    if not each.fields:
        return (1 << LITE_BITS) - 1
    return sum(((1 << field.width) - 1) << field.lsb for field in each.fields)


def _word(view, each):
    """The 32 bits of a register in a view of its layout."""
    return Value.cast(view[_member(each)])[_lsb(each):_lsb(each) + LITE_BITS]


class RegisterFile(wiring.Component):
    """Registers behind AXI4-Lite (docs/registers.md).

    Address and data of a write may come in any order.  A write outside of the registers or to
    one that can only be read has no effect and is answered with ``SLVERR``; a read outside of
    the registers, the counters of missing cores included, gives 0 and ``SLVERR``.  The two lowest
    bits of an address do not count.  Bits without a field read as 0.

    Timing: a write acts in the cycle after the later of its two parts was taken and is answered
    in the next; a read is answered in the cycle after its address was taken.  Each takes two
    cycles, side by side.

    Parameters
    ----------
    acc : AcceleratorConfig

    Members
    -------
    bus : ``In(LiteSignature())``
    state : ``In(state_layout())``
    counters : ``In(ArrayLayout(counters_layout(), cores))``
    events : ``In(register_layout("IRQ_STATUS"))``
        Sets bits of ``IRQ_STATUS``; of a write in the same cycle, it is the one that counts.
    cleared : ``In(1)``
        ``CONTROL.clear`` is done: it, ``TAIL`` and ``IRQ_STATUS`` become 0.
    settings : ``Out(settings_layout())``
    irq : ``Out(1)``
        A bit is set in both ``IRQ_STATUS`` and ``IRQ_ENABLE``.
    """

    def __init__(self, acc):
        self._acc = acc
        resets = {_member(each): each.reset for each in REGISTERS if each.reset}
        super().__init__({
            "bus": In(LiteSignature()),
            "state": In(state_layout()),
            "counters": In(data.ArrayLayout(counters_layout(), acc.cores)),
            "events": In(register_layout(REQUEST)),
            "cleared": In(1),
            "settings": Out(settings_layout(), init=resets),
            "irq": Out(1),
        })
        self._requests = Signal(register_layout(REQUEST))

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.irq.eq((Value.cast(self._requests)
                                 & Value.cast(self.settings[MASK.lower()])).any())
        self._read(m)
        written = self._write(m)
        with m.If(self.cleared):
            m.d.sync += [self.settings.tail.eq(0), self._requests.eq(0)]
            with m.If(~written):
                m.d.sync += self.settings.control.clear.eq(0)
        return m

    def _words(self):
        """Index and value of every 32-bit word that can be read."""
        constants = identification_values(self._acc)
        for each in REGISTERS:
            if each.name in constants:
                value = Const(constants[each.name], LITE_BITS)
            elif each.name == REQUEST:
                value = Value.cast(self._requests)
            else:
                value = _word(self.settings if each.access == "rw" else self.state, each)
            yield each.offset // LITE_BYTES, value
        for core in range(self._acc.cores):
            for name in COUNTER_NAMES:
                index, counter = counter_offset(core, name) // LITE_BYTES, self.counters[core][name]
                yield index, counter[:LITE_BITS]
                yield index + 1, counter[LITE_BITS:]

    def _read(self, m):
        address, answer = self.bus.ar, self.bus.r
        value, known = Signal(LITE_BITS), Signal()
        with m.Switch(address.payload[2:]):
            for index, word in self._words():
                with m.Case(index):
                    m.d.comb += [value.eq(word), known.eq(1)]
        m.d.comb += address.ready.eq(~answer.valid)
        with m.If(address.valid & address.ready):
            m.d.sync += [answer.valid.eq(1), answer.p.data.eq(value),
                         answer.p.resp.eq(Mux(known, OKAY, SLVERR))]
        with m.Elif(answer.ready):
            m.d.sync += answer.valid.eq(0)

    def _write(self, m):
        """Returns whether ``clear`` is being asked for."""
        index = Signal(LITE_ADDRESS_BITS - 2)
        word = Signal(lite_write_layout())
        has_index, has_word, act, known, clear = (
            Signal(name=name) for name in ("has_index", "has_word", "act", "known", "clear"))
        m.d.comb += [self.bus.aw.ready.eq(~has_index), self.bus.w.ready.eq(~has_word),
                     act.eq(has_index & has_word & ~self.bus.b.valid)]
        with m.If(self.bus.aw.valid & self.bus.aw.ready):
            m.d.sync += [has_index.eq(1), index.eq(self.bus.aw.payload[2:])]
        with m.If(self.bus.w.valid & self.bus.w.ready):
            m.d.sync += [has_word.eq(1), word.eq(self.bus.w.payload)]
        with m.If(act):
            m.d.sync += [has_index.eq(0), has_word.eq(0), self.bus.b.valid.eq(1),
                         self.bus.b.payload.eq(Mux(known, OKAY, SLVERR))]
        with m.Elif(self.bus.b.ready):
            m.d.sync += self.bus.b.valid.eq(0)
        m.d.sync += self._requests.eq(Value.cast(self._requests) | Value.cast(self.events))
        with m.Switch(index):
            for each in REGISTERS:
                if each.access != "ro":
                    with m.Case(each.offset // LITE_BYTES):
                        m.d.comb += known.eq(1)
                        with m.If(act):
                            self._store(m, each, word, clear)
        return clear

    def _store(self, m, each, word, clear):
        """Carry out a write to a register that takes one."""
        enabled = Cat(strobe.replicate(8) for strobe in word.strb) & _mask(each)
        taken = Signal(LITE_BITS, name=f"taken_{each.name.lower()}")
        m.d.comb += taken.eq(word.data & enabled)
        if each.name == REQUEST:
            m.d.sync += self._requests.eq((Value.cast(self._requests) & ~taken)
                                          | Value.cast(self.events))
            return
        stored = _word(self.settings, each)
        m.d.sync += stored.eq((stored & ~enabled) | taken)
        if each.name == "CONTROL":
            # Only the device ends it.
            view = data.View(register_layout(each.name), taken)
            m.d.comb += clear.eq(view.clear)
            m.d.sync += self.settings.control.clear.eq(self.settings.control.clear | view.clear)
