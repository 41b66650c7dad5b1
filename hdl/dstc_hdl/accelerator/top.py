"""The accelerator: cores behind one AXI4 master, run from AXI4-Lite registers."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from .arbiter import ReadArbiter, WriteArbiter
from .axi import ID_BITS, LEN_BITS
from .jobs import JobSequencer
from .node import CoreNode
from .registers import LITE_ADDRESS_BITS, LITE_BITS, LITE_BYTES, RegisterFile

__all__ = ["Accelerator"]

INCR = 0b01
NORMAL_BUFFERABLE = 0b0011


class Accelerator(wiring.Component):
    """Accelerator.

    Takes jobs from a ring in memory and runs their programs on its cores (docs/accelerator.md,
    docs/registers.md).  The names of the ports are those of AXI: ``s_axi_*`` is an AXI4-Lite
    slave with a space of 4 KiB, ``m_axi_*`` an AXI4 master.

    The master asks for INCR bursts of whole beats that cross no multiple of 256 bytes, with
    several reads and writes outstanding.  It is always ready for read data and responses.  Read
    data of different IDs may come in any order and interleaved.  What is on offer stays on offer
    until it is taken, whatever software does to the device; only ``rst`` withdraws it.

    Parameters
    ----------
    acc : AcceleratorConfig

    Members
    -------
    s_axi_aw*, s_axi_w*, s_axi_b*, s_axi_ar*, s_axi_r*
        12 address and 32 data bits.
    m_axi_aw*, m_axi_w*, m_axi_b*, m_axi_ar*, m_axi_r*
        6 bits of ID, ``acc.address_bits`` and ``acc.data_bits``.
    irq : ``Out(1)``
        Level; see ``IRQ_STATUS`` and ``IRQ_ENABLE``.
    """

    def __init__(self, acc):
        self._acc = acc
        super().__init__({**_lite_ports(), **_axi_ports(acc), "irq": Out(1)})

    @property
    def acc(self):
        return self._acc

    def elaborate(self, platform):
        m = Module()
        acc = self._acc
        m.submodules.registers = registers = RegisterFile(acc)
        m.submodules.jobs = jobs = JobSequencer(acc)
        m.submodules.read_arbiter = read_arbiter = ReadArbiter(acc, acc.cores + 1)
        m.submodules.write_arbiter = write_arbiter = WriteArbiter(acc, acc.cores)
        m.d.comb += [
            jobs.settings.eq(registers.settings), registers.state.eq(jobs.state),
            registers.counters.eq(jobs.counters), registers.events.eq(jobs.events),
            registers.cleared.eq(jobs.cleared), self.irq.eq(registers.irq),
        ]
        wiring.connect(m, jobs.bus, read_arbiter.ports[acc.cores])
        for n in range(acc.cores):
            m.submodules[f"node_{n}"] = ResetInserter(jobs.reset)(node := CoreNode(acc))
            self._connect_node(m, node, jobs, jobs.nodes[n], registers.settings.timeout)
            wiring.connect(m, node.bus_read, read_arbiter.ports[n])
            wiring.connect(m, node.bus_write, write_arbiter.ports[n])
        self._slave(m, registers.bus)
        self._address(m, "aw", write_arbiter.bus.aw)
        self._address(m, "ar", read_arbiter.bus.ar)
        self._sends(m, "m_axi_w", write_arbiter.bus.w)
        self._takes(m, "m_axi_b", write_arbiter.bus.b)
        self._takes(m, "m_axi_r", read_arbiter.bus.r)
        return m

    def _connect_node(self, m, node, jobs, control, timeout):
        wiring.connect(m, control.start, node.start)
        m.d.comb += [
            node.window_first.eq(jobs.window_first), node.window_last.eq(jobs.window_last),
            node.timeout.eq(timeout), node.stop.eq(jobs.stop),
            control.done.eq(node.done), control.fault.eq(node.fault),
            control.quiet.eq(node.quiet), control.counters.eq(node.counters),
        ]

    def _slave(self, m, bus):
        """Protection bits do not matter: whoever reaches the registers may use them."""
        for name in ("aw", "ar"):
            stream = getattr(bus, name)
            m.d.comb += [
                stream.payload.eq(getattr(self, f"s_axi_{name}addr")),
                stream.valid.eq(getattr(self, f"s_axi_{name}valid")),
                getattr(self, f"s_axi_{name}ready").eq(stream.ready),
            ]
        self._takes(m, "s_axi_w", bus.w)
        m.d.comb += [self.s_axi_bresp.eq(bus.b.payload), self.s_axi_bvalid.eq(bus.b.valid),
                     bus.b.ready.eq(self.s_axi_bready)]
        self._sends(m, "s_axi_r", bus.r)

    def _address(self, m, name, stream):
        """A channel of addresses of the master."""
        values = {
            "id": stream.p.id, "addr": stream.p.address, "len": stream.p.len,
            "size": exact_log2(self._acc.data_bytes), "burst": INCR, "lock": 0,
            "cache": NORMAL_BUFFERABLE, "prot": 0, "qos": 0, "valid": stream.valid,
        }
        m.d.comb += [getattr(self, f"m_axi_{name}{part}").eq(value)
                     for part, value in values.items()]
        m.d.comb += stream.ready.eq(getattr(self, f"m_axi_{name}ready"))

    def _sends(self, m, prefix, stream):
        """Ports with the fields of a stream that leaves."""
        m.d.comb += [getattr(self, prefix + field).eq(stream.p[field])
                     for field, _ in stream.payload.shape()]
        m.d.comb += [getattr(self, f"{prefix}valid").eq(stream.valid),
                     stream.ready.eq(getattr(self, f"{prefix}ready"))]

    def _takes(self, m, prefix, stream):
        """The same of a stream that arrives."""
        m.d.comb += [stream.p[field].eq(getattr(self, prefix + field))
                     for field, _ in stream.payload.shape()]
        m.d.comb += [stream.valid.eq(getattr(self, f"{prefix}valid")),
                     getattr(self, f"{prefix}ready").eq(stream.ready)]


def _channel(prefix, flow, fields):
    """Ports of one channel whose payload has this flow."""
    ports = {f"{prefix}{name}": flow(width) for name, width in fields.items()}
    return {**ports, f"{prefix}valid": flow(1), f"{prefix}ready": flow.flip()(1)}


def _lite_ports():
    address = {"addr": LITE_ADDRESS_BITS, "prot": 3}
    return {
        **_channel("s_axi_aw", In, address),
        **_channel("s_axi_w", In, {"data": LITE_BITS, "strb": LITE_BYTES}),
        **_channel("s_axi_b", Out, {"resp": 2}),
        **_channel("s_axi_ar", In, address),
        **_channel("s_axi_r", Out, {"data": LITE_BITS, "resp": 2}),
    }


def _axi_ports(acc):
    address = {"id": ID_BITS, "addr": acc.address_bits, "len": LEN_BITS, "size": 3, "burst": 2,
               "lock": 1, "cache": 4, "prot": 3, "qos": 4}
    answer = {"id": ID_BITS, "resp": 2}
    return {
        **_channel("m_axi_aw", Out, address),
        **_channel("m_axi_w", Out, {"data": acc.data_bits, "strb": acc.data_bytes, "last": 1}),
        **_channel("m_axi_b", In, answer),
        **_channel("m_axi_ar", Out, address),
        **_channel("m_axi_r", In, {**answer, "data": acc.data_bits, "last": 1}),
    }
