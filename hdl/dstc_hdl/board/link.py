"""Carries out the requests of a host: registers, memory, and what board it is."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from dstc.accelerator.registers import SPACE_BYTES
from dstc.device.serial_protocol import (
    ADDRESS_BYTES,
    HEADER_BYTES,
    MAX_BODY,
    PROTOCOL_VERSION,
    Command,
    Hello,
    Status,
)

from ..accelerator.registers import LITE_BYTES, LiteSignature
from .block_memory import access_layout
from .frames import FRAME_BYTES, answer_layout, frame_layout

__all__ = ["HostLink"]

OKAY = 0


class HostLink(wiring.Component):
    """Requests in, answers out (docs/fpga.md).

    A request is looked at as a whole before anything is done.

    Timing: after a frame is offered, 8 cycles until its header is known; of memory, a byte takes
    two cycles and, if read, as long as the answer takes.

    Parameters
    ----------
    acc : AcceleratorConfig
    memory : range
        Addresses of the memory.
    clock : int
        Hz, told to the host.

    Members
    -------
    frame : ``In(stream.Signature(frame_layout()))``
    address : ``Out(range(FRAME_BYTES))``
    value : ``In(8)``
        The buffer of a ``FrameReceiver``.
    answer : ``Out(stream.Signature(answer_layout()))``
    registers : ``Out(LiteSignature())``
    access : ``Out(stream.Signature(access_layout(acc, size)))``
    word : ``In(acc.data_bits)``
        The memory, as a ``BlockMemory`` has them.
    irq : ``In(1)``
    """

    def __init__(self, acc, memory, clock):
        self._acc, self._memory = acc, memory
        self._hello = Hello(PROTOCOL_VERSION, memory, clock).pack()
        super().__init__({
            "frame": In(stream.Signature(frame_layout())),
            "address": Out(range(FRAME_BYTES)),
            "value": In(8),
            "answer": Out(stream.Signature(answer_layout())),
            "registers": Out(LiteSignature()),
            "access": Out(stream.Signature(access_layout(acc, len(memory)))),
            "word": In(acc.data_bits),
            "irq": In(1),
        })
        self._tag, self._command, self._status = Signal(8), Signal(8), Signal(8)
        self._place = Signal(8 * ADDRESS_BYTES)
        self._body = Signal(8 * LITE_BYTES)         # its first four bytes, or what was read
        self._at = Signal(range(FRAME_BYTES))       # byte of the buffer that is asked for next
        self._count = Signal(range(MAX_BODY + 1))   # bytes of the body still to write or to send
        self._size = Signal(range(FRAME_BYTES + 1))

    def elaborate(self, platform):
        m = Module()
        m.d.comb += [
            self.address.eq(self._at),
            self.registers.aw.payload.eq(self._place), self.registers.ar.payload.eq(self._place),
            self.registers.w.p.data.eq(self._body), self.registers.w.p.strb.eq(-1),
        ]
        lane_bits = exact_log2(self._acc.data_bytes)
        lane = self._place[:lane_bits]
        m.d.comb += [self.access.p.index.eq(self._place[lane_bits:]),
                     self.access.p.data.eq(self.value.replicate(self._acc.data_bytes))]
        with m.FSM():
            self._header(m)
            self._check(m)
            self._register(m)
            self._write(m, lane)
            self._reply(m)
            self._read(m, lane)
        return m

    def _header(self, m):
        """The header and the first bytes of the body go through one shift register."""
        total = HEADER_BYTES + LITE_BYTES
        fields = Cat(self._tag, self._command, self._place, self._body)
        with m.State("IDLE"):
            m.d.sync += [self._status.eq(Status.OK),
                         self._size.eq(self.frame.p.length - HEADER_BYTES)]
            with m.If(self.frame.valid):
                m.d.sync += self._at.eq(1)
                m.next = "HEADER"
        with m.State("HEADER"):
            m.d.sync += [fields.eq(Cat(fields[8:], self.value)), self._at.eq(self._at + 1)]
            with m.If(self._at == total):
                m.d.sync += self._at.eq(HEADER_BYTES)
                m.next = "CHECK"

    def _check(self, m):
        """Whether the request can be carried out, and where it goes on."""
        frame, is_command = self.frame.p, {each: self._command == each for each in Command}
        writes, reads = is_command[Command.WRITE_MEMORY], is_command[Command.READ_MEMORY]
        size = Mux(writes, self._size, self._body[:16])
        first, last = self._memory.start, self._memory.stop - 1
        short = Signal()
        with m.State("CHECK"):
            m.d.comb += short.eq(frame.length < HEADER_BYTES)
            m.next = "BUFFER"
            with m.If(~frame.good):
                m.d.sync += self._status.eq(Status.CHECKSUM)
            with m.Elif(short | ~self._fits(is_command, size)):
                m.d.sync += self._status.eq(Mux(short | (self._command <= max(Command)),
                                                Status.LENGTH, Status.COMMAND))
            with m.Elif(Mux(writes | reads,
                            (self._place < first) | (self._place + size - 1 > last),
                            self._place >= SPACE_BYTES)):
                m.d.sync += self._status.eq(Status.ADDRESS)
            with m.Else():
                m.d.sync += self._count.eq(size)
                with m.Switch(self._command):
                    with m.Case(Command.HELLO):
                        m.d.sync += self._count.eq(len(self._hello))
                    with m.Case(Command.READ_REGISTER):
                        m.d.sync += self._count.eq(LITE_BYTES)
                        m.next = "READ REGISTER"
                    with m.Case(Command.WRITE_REGISTER):
                        m.d.sync += self._count.eq(0)
                        m.next = "WRITE REGISTER"
                    with m.Case(Command.WRITE_MEMORY):
                        m.next = "FETCH"
        with m.State("BUFFER"):
            m.d.comb += self.frame.ready.eq(1)
            m.d.sync += self._at.eq(0)
            m.next = "TAG"

    def _fits(self, is_command, size):
        """Whether a body has the length that belongs to its command; false if there is none."""
        wanted = {Command.HELLO: 0, Command.READ_REGISTER: 0, Command.WRITE_REGISTER: LITE_BYTES,
                  Command.READ_MEMORY: 2}
        moves = (size != 0) & (size <= MAX_BODY)
        fits = is_command[Command.WRITE_MEMORY] & moves
        for command, length in wanted.items():
            good = self._size == length
            fits |= is_command[command] & (good & moves if command == Command.READ_MEMORY else good)
        return fits

    def _register(self, m):
        bus = self.registers
        with m.State("READ REGISTER"):
            m.d.comb += bus.ar.valid.eq(1)
            with m.If(bus.ar.ready):
                m.next = "REGISTER VALUE"
        with m.State("REGISTER VALUE"):
            m.d.comb += bus.r.ready.eq(1)
            with m.If(bus.r.valid):
                m.d.sync += self._body.eq(bus.r.p.data)
                self._answered(m, bus.r.p.resp)
        with m.State("WRITE REGISTER"):
            m.d.comb += bus.aw.valid.eq(1)
            with m.If(bus.aw.ready):
                m.next = "WRITE DATA"
        with m.State("WRITE DATA"):
            m.d.comb += bus.w.valid.eq(1)
            with m.If(bus.w.ready):
                m.next = "WRITTEN"
        with m.State("WRITTEN"):
            m.d.comb += bus.b.ready.eq(1)
            with m.If(bus.b.valid):
                self._answered(m, bus.b.payload)

    def _answered(self, m, response):
        m.next = "BUFFER"
        with m.If(response != OKAY):
            m.d.sync += self._status.eq(Status.REGISTER)

    def _write(self, m, lane):
        """Bytes from the buffer into memory."""
        with m.State("FETCH"):
            m.next = "STORE"
        with m.State("STORE"):
            m.d.comb += [self.access.valid.eq(1), self.access.p.strb.eq(1 << lane)]
            with m.If(self.access.ready):
                m.d.sync += [self._place.eq(self._place + 1), self._count.eq(self._count - 1),
                             self._at.eq(self._at + 1)]
                m.next = "FETCH"
                with m.If(self._count == 1):
                    m.next = "BUFFER"

    def _reply(self, m):
        answer = self.answer
        with m.State("TAG"):
            m.d.comb += [answer.valid.eq(1), answer.p.data.eq(self._tag)]
            with m.If(answer.ready):
                m.next = "STATUS"
        with m.State("STATUS"):
            # Nothing may change while it is on offer.
            m.d.sync += self._status[7].eq(self.irq)
            m.next = "SEND STATUS"
        with m.State("SEND STATUS"):
            m.d.comb += [answer.valid.eq(1), answer.p.data.eq(self._status),
                         answer.p.last.eq((self._status[:7] != Status.OK) | (self._count == 0))]
            with m.If(answer.ready):
                m.next = "IDLE"
                with m.If(~answer.p.last):
                    m.next = "BODY"
                    with m.If(self._command == Command.READ_MEMORY):
                        m.next = "LOAD"

    def _read(self, m, lane):
        """Bytes of the body: of the board's description, of a register, of memory."""
        answer, word = self.answer, Signal(8)
        rom = Array(self._hello)
        with m.State("BODY"):
            index = Signal(range(len(self._hello) + 1))
            m.d.comb += index.eq(len(self._hello) - self._count)
            m.d.comb += [answer.valid.eq(1), answer.p.last.eq(self._count == 1),
                         answer.p.data.eq(Mux(self._command == Command.HELLO, rom[index],
                                              self._body[:8]))]
            with m.If(answer.ready):
                m.d.sync += [self._count.eq(self._count - 1), self._body.eq(self._body >> 8)]
                with m.If(answer.p.last):
                    m.next = "IDLE"
        with m.State("LOAD"):
            m.d.comb += self.access.valid.eq(1)
            with m.If(self.access.ready):
                m.next = "LOADED"
        with m.State("LOADED"):
            m.d.sync += word.eq(self.word.word_select(lane, 8))
            m.next = "MEMORY"
        with m.State("MEMORY"):
            m.d.comb += [answer.valid.eq(1), answer.p.data.eq(word),
                         answer.p.last.eq(self._count == 1)]
            with m.If(answer.ready):
                m.d.sync += [self._place.eq(self._place + 1), self._count.eq(self._count - 1)]
                m.next = "LOAD"
                with m.If(answer.p.last):
                    m.next = "IDLE"
