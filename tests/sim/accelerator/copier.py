"""A component with the accelerator's ports that copies memory, for tests of the simulated bus."""

from enum import IntEnum

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["COUNT", "DESTINATION", "FLAW", "SOURCE", "START", "STEP_BYTES", "Copier", "Flaw"]

SOURCE, DESTINATION, COUNT, FLAW, START = range(0, 20, 4)
BURST_BYTES = 256
STEP_BYTES = 2 * BURST_BYTES


class Flaw(IntEnum):
    """What it does wrong."""

    NONE = 0
    CROSSING = 1
    FICKLE = 2
    CHANGING = 3
    SHORT = 4
    UNCACHED = 5
    IMPATIENT = 6
    STRAY = 7
    NARROW = 8
    UNASKED = 9


class Copier(wiring.Component):
    """Copies ``COUNT`` steps of 512 bytes from ``SOURCE`` to ``DESTINATION`` after a write to
    ``START``, then raises ``irq``.

    A step is two bursts of reads with different IDs, whose beats may come in any order, and two
    bursts of writes; the next one begins when both have been answered.  Offsets from 32 up answer
    SLVERR.  An error response ends the copy: then ``START`` reads as 1 and the response in bits
    2:1.
    """

    def __init__(self, data_bits):
        self.data_bits = data_bits
        address = {"id": 6, "addr": 40, "len": 8, "size": 3, "burst": 2, "lock": 1, "cache": 4,
                   "prot": 3, "qos": 4}
        members = {f"m_axi_{channel}{name}": Out(width) for channel in ("aw", "ar")
                   for name, width in address.items()}
        for channel, flow in (("aw", Out), ("w", Out), ("b", In), ("ar", Out), ("r", In)):
            members |= {f"m_axi_{channel}valid": flow(1), f"m_axi_{channel}ready": flow(1).flip()}
        members |= {"m_axi_wdata": Out(data_bits), "m_axi_wstrb": Out(data_bits // 8),
                    "m_axi_wlast": Out(1), "m_axi_bid": In(6), "m_axi_bresp": In(2),
                    "m_axi_rid": In(6), "m_axi_rdata": In(data_bits), "m_axi_rresp": In(2),
                    "m_axi_rlast": In(1)}
        for channel, flow in (("aw", In), ("w", In), ("b", Out), ("ar", In), ("r", Out)):
            members |= {f"s_axi_{channel}valid": flow(1), f"s_axi_{channel}ready": flow(1).flip()}
        members |= {"s_axi_awaddr": In(12), "s_axi_awprot": In(3), "s_axi_wdata": In(32),
                    "s_axi_wstrb": In(4), "s_axi_bresp": Out(2), "s_axi_araddr": In(12),
                    "s_axi_arprot": In(3), "s_axi_rdata": Out(32), "s_axi_rresp": Out(2),
                    "irq": Out(1)}
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        beats = BURST_BYTES * 8 // self.data_bits
        registers = [Signal(32, name=f"register{n}") for n in range(8)]
        flaw = registers[FLAW // 4]
        start = Signal()
        self._registers(m, registers, start)
        m.submodules.buffer = buffer = Memory(shape=self.data_bits, depth=2 * beats, init=[])
        write, read = buffer.write_port(), buffer.read_port(domain="comb")
        step, half, toggle = Signal(32), Signal(), Signal()
        got = [Signal(range(beats + 1), name=f"got{n}") for n in range(2)]
        sent, open_writes = Signal(range(beats)), Signal(8)
        second = Signal()
        m.d.sync += toggle.eq(~toggle)
        self._addresses(m, registers, (step << 9) + (half << 8), toggle, beats)
        m.d.comb += [
            self.m_axi_arid.eq(Mux(half, 0x12, 0x01)),
            self.m_axi_awid.eq(half << 4 | (flaw == Flaw.STRAY)),
            self.m_axi_rready.eq(1), self.m_axi_bready.eq(1),
            second.eq(self.m_axi_rid == 0x12),
            write.en.eq(self.m_axi_rvalid), write.data.eq(self.m_axi_rdata),
            write.addr.eq(Mux(second, beats + got[1], got[0])),
            read.addr.eq(half * beats + sent), self.m_axi_wdata.eq(read.data),
            self.m_axi_wstrb.eq(-1),
            self.m_axi_wlast.eq((sent == beats - 1)
                                | ((flaw == Flaw.SHORT) & (sent == beats - 3)))]
        for n in range(2):
            with m.If(self.m_axi_rvalid & (second == n)):
                m.d.sync += got[n].eq(got[n] + 1)
        issued = Signal()
        m.d.comb += issued.eq(self.m_axi_awvalid & self.m_axi_awready)
        m.d.sync += open_writes.eq(open_writes + issued - self.m_axi_bvalid)
        error = Mux(self.m_axi_rvalid, self.m_axi_rresp, self.m_axi_bresp & self.m_axi_bvalid.
                    replicate(2))
        self._sequence(m, registers, start, step, half, toggle, got, sent, open_writes)
        with m.If((self.m_axi_rvalid | self.m_axi_bvalid) & error.any()):
            m.d.sync += [registers[START // 4].eq(Cat(1, error)), self.irq.eq(1)]
        return m

    def _addresses(self, m, registers, offset, toggle, beats):
        """What both channels of addresses carry, but for the ID."""
        source, destination, _, flaw = registers[:4]
        for channel, base in (("ar", source), ("aw", destination)):
            m.d.comb += [
                getattr(self, f"m_axi_{channel}addr").eq(
                    base + offset + Mux((flaw == Flaw.CROSSING) & (channel == "ar"), 16, 0)
                    + ((toggle & (flaw == Flaw.CHANGING)) << 20)),
                getattr(self, f"m_axi_{channel}len").eq(beats - 1),
                getattr(self, f"m_axi_{channel}size").eq(
                    (self.data_bits // 8).bit_length() - 1 - (flaw == Flaw.NARROW)),
                getattr(self, f"m_axi_{channel}burst").eq(1),
                getattr(self, f"m_axi_{channel}cache").eq(Mux(flaw == Flaw.UNCACHED, 0, 3))]

    def _sequence(self, m, registers, start, step, half, toggle, got, sent, open_writes):
        """One step after the other."""
        count, flaw = registers[2:4]
        beats = BURST_BYTES * 8 // self.data_bits
        with m.FSM():
            with m.State("IDLE"), m.If(start):
                m.d.sync += [step.eq(0), half.eq(0), self.irq.eq(0)]
                m.next = "ADDRESS"
            with m.State("ADDRESS"):
                m.d.comb += self.m_axi_arvalid.eq(~(toggle & (flaw == Flaw.FICKLE)))
                with m.If(self.m_axi_arvalid & self.m_axi_arready):
                    m.d.sync += half.eq(~half)
                    with m.If(half):
                        m.next = "COLLECT"
            with m.State("COLLECT"), m.If(Cat(got[0] == beats, got[1] == beats).all()):
                m.d.sync += [got[0].eq(0), got[1].eq(0)]
                m.next = "STORE"
            with m.State("STORE"):
                m.d.comb += self.m_axi_awvalid.eq(1)
                with m.If(self.m_axi_awready):
                    m.next = "SEND"
            with m.State("SEND"):
                m.d.comb += self.m_axi_wvalid.eq(1)
                with m.If(self.m_axi_wready):
                    m.d.sync += sent.eq(Mux(sent == beats - 1, 0, sent + 1))
                    with m.If(sent == beats - 1):
                        m.d.sync += half.eq(~half)
                        m.next = "STORE"
                        with m.If(half):
                            m.next = "WAIT"
            with m.State("WAIT"), m.If((open_writes == 0) | (flaw == Flaw.IMPATIENT)):
                m.d.sync += step.eq(step + 1)
                m.next = "ADDRESS"
                with m.If(step + 1 == count):
                    m.d.sync += self.irq.eq(1)
                    m.next = "IDLE"

    def _registers(self, m, registers, start):
        """The AXI4-Lite side: eight registers, one access at a time."""
        address = Signal(10)
        m.d.comb += address.eq(self.s_axi_awaddr[2:])
        taken = Signal()
        m.d.comb += [
            taken.eq(self.s_axi_awvalid & self.s_axi_wvalid & ~self.s_axi_bvalid),
            self.s_axi_awready.eq(taken), self.s_axi_wready.eq(taken),
            self.s_axi_arready.eq(~self.s_axi_rvalid), start.eq(taken & (address == START // 4))]
        with m.If(self.s_axi_bready):
            m.d.sync += self.s_axi_bvalid.eq(0)
        with m.If(taken):
            m.d.sync += [self.s_axi_bvalid.eq(1), self.s_axi_bresp.eq(Mux(address < 8, 0, 2))]
            with m.Switch(address):
                for n, register in enumerate(registers):
                    with m.Case(n):
                        m.d.sync += register.eq(self.s_axi_wdata)
        with m.If((registers[FLAW // 4] == Flaw.UNASKED) & self.irq):
            m.d.sync += self.s_axi_bvalid.eq(1)
        with m.If(self.s_axi_rready):
            m.d.sync += self.s_axi_rvalid.eq(0)
        with m.If(self.s_axi_arvalid & self.s_axi_arready):
            m.d.sync += [self.s_axi_rvalid.eq(1), self.s_axi_rdata.eq(0), self.s_axi_rresp.eq(2)]
            with m.Switch(self.s_axi_araddr[2:]):
                for n, register in enumerate(registers):
                    with m.Case(n):
                        m.d.sync += [self.s_axi_rdata.eq(register), self.s_axi_rresp.eq(0)]
