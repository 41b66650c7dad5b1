"""Job fetch: a job's record from memory, checked."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.accelerator.parameters import MAX_CORES
from dstc.accelerator.records import ADDRESS_BITS, JOB, RECORD_BYTES
from dstc.accelerator.registers import DeviceErrorCode

from .axi import ReadSignature, fault_layout
from .read_channel import ReadChannel
from .read_port import ReadPort
from .records import record_fields, record_wrong

__all__ = ["JobFetch", "job_layout"]

PLACE_BITS = 64
TIMEOUT_BITS = 32


def job_layout(acc):
    """A job: the program of each core, 0 if it has none, and the tag."""
    return data.StructLayout({"programs": data.ArrayLayout(ADDRESS_BITS, acc.cores), "tag": 64})


class JobFetch(wiring.Component):
    """Job fetch.

    Reads the record at each address taken from ``i`` and gives its job.  Faults are those of the
    read port, and ``JOB`` with the address of the record if that is no valid record, names a core
    that is missing, or lies at no multiple of 64 below 2 ** 48; ``TIMEOUT`` with the same address
    if nothing came for ``timeout`` cycles.  A fault stays until a reset; nothing is read after
    it, and what is on ``o`` does not count.

    Timing: one record at a time; the read is commanded in the cycle after its address was taken
    and the job is on offer as soon as the record is.

    Parameters
    ----------
    acc : AcceleratorConfig

    Members
    -------
    i : ``In(stream.Signature(64))``
    o : ``Out(stream.Signature(job_layout(acc)))``
    bus : ``Out(ReadSignature(acc))``
        The IDs of the data do not matter.
    window_first, window_last : ``In(48)``
    timeout : ``In(32)``
        In cycles; 0: for ever.
    stop : ``In(1)``
        Ask for nothing more.
    quiet : ``Out(1)``
        Nothing is on offer to the bus or outstanding.
    fault : ``Out(fault_layout())``
    """

    def __init__(self, acc):
        self._acc = acc
        super().__init__({
            "i": In(stream.Signature(PLACE_BITS)),
            "o": Out(stream.Signature(job_layout(acc))),
            "bus": Out(ReadSignature(acc)),
            "window_first": In(ADDRESS_BITS),
            "window_last": In(ADDRESS_BITS),
            "timeout": In(TIMEOUT_BITS),
            "stop": In(1),
            "quiet": Out(1),
            "fault": Out(fault_layout()),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.channel = channel = ReadChannel(self._acc, 8 * RECORD_BYTES, 1)
        m.submodules.port = port = ReadPort(self._acc, 1)
        wiring.connect(m, channel.burst, port.bursts[0])
        wiring.connect(m, port.data[0], channel.r)
        wiring.connect(m, port.bus.ar, wiring.flipped(self.bus.ar))
        wiring.connect(m, wiring.flipped(self.bus.r), port.bus.r)
        m.d.comb += port.bus.r.p.id.eq(0)
        m.d.comb += [port.window_first.eq(self.window_first),
                     port.window_last.eq(self.window_last),
                     port.stop.eq(self.stop), self.quiet.eq(port.quiet)]

        place, bad, wrong, late = Signal(PLACE_BITS), Signal(), Signal(), Signal()
        failed = Signal(fault_layout())
        record = channel.o.p.data
        m.d.comb += [
            channel.cmd.p.address.eq(place), channel.cmd.p.items.eq(1),
            bad.eq(place[ADDRESS_BITS:].any() | (place % RECORD_BYTES).any()),
            self.fault.eq(Mux(failed.valid, failed, port.fault)),
        ]
        self._job(m, record)
        with m.FSM() as fsm:
            with m.State("IDLE"):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += place.eq(self.i.payload)
                with m.If(self.i.valid):
                    m.next = "ASK"
            with m.State("ASK"):
                m.d.comb += [wrong.eq(bad), channel.cmd.valid.eq(~bad)]
                with m.If(channel.cmd.valid & channel.cmd.ready):
                    m.next = "WAIT"
            with m.State("WAIT"):
                m.d.comb += [wrong.eq(channel.o.valid & self._wrong(record)),
                             self.o.valid.eq(channel.o.valid & ~wrong),
                             channel.o.ready.eq(self.o.valid & self.o.ready)]
                with m.If(self.o.valid & self.o.ready):
                    m.next = "IDLE"
        waited = Signal(TIMEOUT_BITS)
        m.d.comb += late.eq(self.timeout.any() & (waited >= self.timeout))
        m.d.sync += waited.eq(waited + 1)
        with m.If(fsm.ongoing("IDLE") | channel.o.valid | self.bus.r.valid):
            m.d.sync += waited.eq(0)
        with m.If(~self.fault.valid & (wrong | late)):
            m.d.sync += [failed.valid.eq(1), failed.address.eq(place),
                         failed.code.eq(Mux(wrong, DeviceErrorCode.JOB, DeviceErrorCode.TIMEOUT))]
        return m

    def _job(self, m, record):
        values = record_fields(JOB, record)
        m.d.comb += self.o.p.tag.eq(values["tag"])
        m.d.comb += [self.o.p.programs[core].eq(values[f"program{core}"])
                     for core in range(self._acc.cores)]

    def _wrong(self, record):
        values = record_fields(JOB, record)
        missing = Cat(values[f"program{core}"] for core in range(self._acc.cores, MAX_CORES))
        return record_wrong(JOB, record) | missing.any()
