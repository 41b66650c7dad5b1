"""Program fetch: header and instructions of a program, and the words that go with them."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.accelerator.records import ADDRESS_BITS, PROGRAM, RECORD_BYTES
from dstc.accelerator.registers import DeviceErrorCode

from ..layouts import beat_layout
from .axi import fault_layout
from .read_channel import command_layout
from .records import record_fields, record_wrong

__all__ = ["ProgramFetch", "program_layout"]

RECORD_BITS = 8 * RECORD_BYTES


def program_layout():
    """What the header says about the whole program."""
    return data.StructLayout({"lowered": 1, "x_directory": ADDRESS_BITS})


class ProgramFetch(wiring.Component):
    """Program fetch.

    Fetches the header of a program and checks it: magic, version, configuration, reserved bits,
    ranges and alignment, and that a program without ``lowered`` has no words and no records for
    the im2col unit.  Then it asks for the words, the list of feature map records and the
    instructions, and hands the instructions on.

    Timing: the header takes five cycles from its arrival; an instruction passes combinationally.

    Parameters
    ----------
    acc : AcceleratorConfig

    Members
    -------
    start : ``In(stream.Signature(ADDRESS_BITS))``
        Address of the program; one program is taken until reset.
    cmd : ``Out(stream.Signature(command_layout()))``
        To the channel of the program.
    i : ``In(stream.Signature(beat_layout(512)))``, item : ``In(ADDRESS_BITS)``
        Records of that channel and the address of the one on ``i``.
    o : ``Out(stream.Signature(beat_layout(512)))``
        Instructions; ``last`` with the last one.
    post, gather, x_list : ``Out(stream.Signature(command_layout()))``
        To the channels of words and of the list.
    program : ``Out(program_layout())``
        Constant from before the first of those commands on.
    commanded : ``Out(1)``
        All commands are given.
    fault : ``Out(fault_layout())``
        ``PROGRAM``, with the address of the header; stays.
    """

    def __init__(self, acc):
        self._acc = acc
        commands = stream.Signature(command_layout())
        records = stream.Signature(beat_layout(RECORD_BITS))
        super().__init__({
            "start": In(stream.Signature(ADDRESS_BITS)),
            "cmd": Out(commands),
            "i": In(records),
            "item": In(ADDRESS_BITS),
            "o": Out(records),
            "post": Out(commands),
            "gather": Out(commands),
            "x_list": Out(commands),
            "program": Out(program_layout()),
            "commanded": Out(1),
            "fault": Out(fault_layout()),
        })

    def elaborate(self, platform):
        m = Module()
        header = record_fields(PROGRAM, self.i.p.data)
        address, wrong = Signal(ADDRESS_BITS), Signal()
        m.d.comb += [
            wrong.eq(record_wrong(PROGRAM, self.i.p.data)
                     | (header["config_id"] != self._acc.config_id)
                     | (~header["lowered"] & (header["gather_words"].any()
                                              | header["x_records"].any()))),
            self.fault.code.eq(DeviceErrorCode.PROGRAM),
            self.fault.address.eq(address),
            self.o.payload.eq(self.i.payload),
            self.cmd.p.address.eq(address),
            self.cmd.p.items.eq(1),
        ]
        for name, count in (("post", "post_words"), ("gather", "gather_words"),
                            ("x_list", "x_records")):
            port = getattr(self, name)
            m.d.comb += [port.p.address.eq(header[name]), port.p.items.eq(header[count])]
        with m.FSM():
            with m.State("START"):
                m.d.comb += self.start.ready.eq(1)
                m.d.sync += address.eq(self.start.payload)
                with m.If(self.start.valid):
                    m.next = "ASK"
            with m.State("ASK"):
                m.d.comb += self.cmd.valid.eq(1)
                with m.If(self.cmd.ready):
                    m.next = "HEADER"
            with m.State("HEADER"):
                m.d.comb += self.fault.valid.eq(self.i.valid & wrong)
                with m.If(self.i.valid & ~wrong):
                    m.d.sync += [self.program.lowered.eq(header["lowered"]),
                                 self.program.x_directory.eq(header["x_directory"])]
                    m.next = "POST"
            self._command(m, "POST", self.post, "GATHER")
            self._command(m, "GATHER", self.gather, "X_LIST")
            self._command(m, "X_LIST", self.x_list, "INSTRUCTIONS")
            with m.State("INSTRUCTIONS"):
                m.d.comb += [
                    self.cmd.valid.eq(1),
                    self.cmd.p.address.eq(address + RECORD_BYTES),
                    self.cmd.p.items.eq(header["instructions"]),
                    self.i.ready.eq(self.cmd.ready),
                ]
                with m.If(self.cmd.ready):
                    m.next = "RUN"
            with m.State("RUN"):
                m.d.comb += [self.commanded.eq(1), self.o.valid.eq(self.i.valid),
                             self.i.ready.eq(self.o.ready)]
        return m

    @staticmethod
    def _command(m, state, port, after):
        """Give a command from the header, which waits on ``i``."""
        with m.State(state):
            m.d.comb += port.valid.eq(1)
            with m.If(port.ready):
                m.next = after
