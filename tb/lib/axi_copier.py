"""A small AXI4 master with seeded faults: what the memory and the rules of the benches run on."""

from amaranth import *
from amaranth.lib import enum, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from dstc.config import Config

__all__ = ["BEATS", "READ_IDS", "SOURCE", "TARGET", "WRITE_IDS", "AxiCopier", "Fault"]

READ_IDS = (0x00, 0x15, 0x0A, 0x0F)
WRITE_IDS = (0x00, 0x10, 0x10, 0x00)
BEATS = 8
"""Beats of each of the four bursts, of 8 bytes."""
SOURCE, TARGET = 0x1000, 0x3000
STRIDE = 0x100
"""Bytes from one burst to the next."""


class Fault(enum.Enum, shape=4):
    """What is done wrong, if anything."""

    NONE = 0
    VALID_FALLS = 1
    ADDRESS_CHANGES = 2
    CROSSES = 3
    LAST_EARLY = 4
    LAST_MISSING = 5
    DATA_CHANGES = 6
    FOREIGN_ID = 7
    NOT_READY = 8
    OUTSIDE = 9
    FIXED_BURST = 10
    NARROW = 11


class AxiCopier(wiring.Component):
    """Copies four bursts, read with four ids and written with two.

    Parameters
    ----------
    config : Config
        Not used; every unit of the benches has one.

    Members
    -------
    fault : ``In(Fault)``
    done : ``Out(1)``
        All four writes are acknowledged.
    m_axi_* :
        AXI4 of 64 bit data, 40 bit addresses and 6 bit ids.
    """

    def __init__(self, config: Config):
        address = {"id": 6, "addr": 40, "len": 8, "size": 3, "burst": 2, "lock": 1, "cache": 4,
                   "prot": 3, "qos": 4}
        data, strobe = {"data": 64}, {"strb": 8}
        channels = {"aw": (Out, address), "w": (Out, {**data, **strobe, "last": 1}),
                    "b": (In, {"id": 6, "resp": 2}), "ar": (Out, address),
                    "r": (In, {"id": 6, **data, "resp": 2, "last": 1})}
        ports = {"fault": In(Fault), "done": Out(1)}
        for name, (flow, fields) in channels.items():
            back = In if flow is Out else Out
            ports |= {f"m_axi_{name}{key}": flow(width) for key, width in fields.items()}
            ports |= {f"m_axi_{name}valid": flow(1), f"m_axi_{name}ready": back(1)}
        super().__init__(ports)

    def elaborate(self, platform):
        m = Module()
        m.submodules.data = data = Memory(shape=64, depth=4 * BEATS, init=[])
        put, get = data.write_port(), data.read_port(domain="comb")
        left = Signal(range(4 * BEATS + 1), init=4 * BEATS)
        filled = Array(Signal(range(BEATS), name=f"filled_{n}") for n in range(4))
        which = Signal(2)
        with m.Switch(self.m_axi_rid):
            for n, ident in enumerate(READ_IDS):
                with m.Case(ident):
                    m.d.comb += which.eq(n)
        m.d.comb += [self.m_axi_rready.eq((self.fault != Fault.NOT_READY) | self.m_axi_rvalid),
                     self.m_axi_bready.eq(1), put.en.eq(self.m_axi_rvalid & self.m_axi_rready),
                     put.addr.eq(Cat(filled[which], which)), put.data.eq(self.m_axi_rdata)]
        with m.If(put.en):
            m.d.sync += [filled[which].eq(filled[which] + 1), left.eq(left - 1)]

        awake = Signal()        # nothing is valid during reset
        m.d.sync += awake.eq(1)
        self._requests(m, "ar", READ_IDS, SOURCE, awake)
        self._requests(m, "aw", WRITE_IDS, TARGET, left == 0)
        beat, waited = Signal(range(4 * BEATS + 1)), Signal()
        final = beat % BEATS == BEATS - 1
        m.d.comb += [
            get.addr.eq(beat), self.m_axi_wvalid.eq((left == 0) & (beat != 4 * BEATS)),
            self.m_axi_wdata.eq(get.data ^ (waited & (self.fault == Fault.DATA_CHANGES))),
            self.m_axi_wstrb.eq(-1),
            self.m_axi_wlast.eq((final & (self.fault != Fault.LAST_MISSING))
                                | ((self.fault == Fault.LAST_EARLY) & (beat == 2)))]
        m.d.sync += waited.eq(self.m_axi_wvalid & ~self.m_axi_wready)
        with m.If(self.m_axi_wvalid & self.m_axi_wready):
            m.d.sync += beat.eq(beat + 1)

        answers = Signal(3)
        m.d.comb += self.done.eq(answers == 4)
        with m.If(self.m_axi_bvalid):
            m.d.sync += answers.eq(answers + 1)
        return m

    def _requests(self, m, name, idents, base, when):
        """Four bursts on an address channel."""
        port = {key: getattr(self, f"m_axi_{name}{key}") for key in (
            "id", "addr", "len", "size", "burst", "lock", "cache", "prot", "qos", "valid", "ready")}
        sent, waited = Signal(3, name=f"{name}_sent"), Signal(name=f"{name}_waited")
        valid, address = when & ~sent[2], base + STRIDE * sent[:2]
        right = {"id": Array(idents)[sent[:2]], "addr": address, "len": BEATS - 1, "size": 3,
                 "burst": 1, "cache": 3, "valid": valid}
        wrong = {Fault.VALID_FALLS: ("valid", valid & ~waited),
                 Fault.ADDRESS_CHANGES: ("addr", address + 8 * waited),
                 Fault.CROSSES: ("addr", base + STRIDE - 8), Fault.FOREIGN_ID: ("id", 0x20),
                 Fault.OUTSIDE: ("addr", 0), Fault.FIXED_BURST: ("burst", 0),
                 Fault.NARROW: ("size", 2)}
        m.d.comb += [port[key].eq(value) for key, value in right.items()]
        for fault, (key, value) in wrong.items():
            with m.If(self.fault == fault):
                m.d.comb += port[key].eq(value)
        m.d.sync += waited.eq(port["valid"] & ~port["ready"])
        with m.If(port["valid"] & port["ready"]):
            m.d.sync += sent.eq(sent + 1)
