"""Frames of the link: bytes of the line to contents and back (docs/fpga.md)."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from dstc.device.serial_protocol import CHECK_BYTES, ESCAPE, FLAG, FLIP, HEADER_BYTES, MAX_BODY

__all__ = ["FRAME_BYTES", "FrameReceiver", "FrameSender", "answer_layout", "frame_layout"]

FRAME_BYTES = HEADER_BYTES + MAX_BODY + CHECK_BYTES
"""Of the longest frame, without escapes."""


def frame_layout():
    """A frame that is in the buffer: bytes of its content, and whether its checksum is right."""
    return data.StructLayout({"length": range(FRAME_BYTES + 1), "good": 1})


def answer_layout():
    """A byte of an answer; ``last``: the final one of its content."""
    return data.StructLayout({"data": 8, "last": 1})


class FrameReceiver(wiring.Component):
    """Collects one frame in a buffer.

    A frame that begins while the one before is still in the buffer is lost as a whole.  One
    that is too long has a wrong checksum.  Empty frames do not count.

    Timing: a byte in each cycle; the frame is offered in the cycle after its closing flag.

    Members
    -------
    i : ``In(stream.Signature(8, always_ready=True))``
    o : ``Out(stream.Signature(frame_layout()))``
        To be taken when nobody needs the buffer any longer.
    address : ``In(range(FRAME_BYTES))``
    value : ``Out(8)``
        The byte of the buffer at the ``address`` of the cycle before.
    """

    def __init__(self):
        super().__init__({
            "i": In(stream.Signature(8, always_ready=True)),
            "o": Out(stream.Signature(frame_layout())),
            "address": In(range(FRAME_BYTES)),
            "value": Out(8),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = Memory(shape=8, depth=FRAME_BYTES, init=[])
        m.submodules.check = check = CRC32_ISO_HDLC(data_width=8).create()
        writer, reader = buffer.write_port(), buffer.read_port()
        count = Signal(range(FRAME_BYTES + 1))
        escaped, lost, long = Signal(), Signal(), Signal()
        is_flag, is_escape, content = Signal(), Signal(), Signal()
        byte = self.i.payload
        m.d.comb += [
            is_flag.eq(self.i.valid & (byte == FLAG)),
            is_escape.eq(self.i.valid & (byte == ESCAPE)),
            content.eq(self.i.valid & ~is_flag & ~is_escape),
            check.data.eq(byte ^ Mux(escaped, FLIP, 0)),
            check.start.eq(is_flag),
            check.valid.eq(content & ~self.o.valid & ~lost & (count != FRAME_BYTES)),
            writer.addr.eq(count), writer.data.eq(check.data), writer.en.eq(check.valid),
            reader.addr.eq(self.address), self.value.eq(reader.data),
        ]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        m.d.sync += count.eq(count + check.valid)
        with m.If(content):
            # Bytes that do not fit make the checksum wrong only by chance, so they are noted.
            m.d.sync += [escaped.eq(0), lost.eq(lost | self.o.valid),
                         long.eq(long | (count == FRAME_BYTES))]
        with m.If(is_escape):
            m.d.sync += escaped.eq(1)
        with m.If(is_flag):
            m.d.sync += [count.eq(0), escaped.eq(0), lost.eq(0), long.eq(0)]
            with m.If((count != 0) & ~self.o.valid):
                m.d.sync += [
                    self.o.valid.eq(1), self.o.p.length.eq(count - CHECK_BYTES),
                    self.o.p.good.eq(check.match_detected & ~escaped & ~long
                                     & (count > CHECK_BYTES)),
                ]
        return m


class FrameSender(wiring.Component):
    """Makes frames of contents.

    Timing: a byte in each cycle; flags, escapes and checksum come in between.

    Members
    -------
    i : ``In(stream.Signature(answer_layout()))``
    o : ``Out(stream.Signature(8))``
    """

    def __init__(self):
        super().__init__({"i": In(stream.Signature(answer_layout())),
                          "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.check = check = CRC32_ISO_HDLC(data_width=8).create()
        byte, given, escaped, special = Signal(8), Signal(), Signal(), Signal()
        number, taken, sent = Signal(range(CHECK_BYTES)), Signal(), Signal()
        m.d.comb += [
            special.eq((byte == FLAG) | (byte == ESCAPE)),
            sent.eq(self.o.valid & self.o.ready),
            taken.eq(given & sent & (~special | escaped)),
            check.data.eq(self.i.p.data),
        ]
        with m.If(given):
            m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(byte)]
            with m.If(special):
                m.d.comb += self.o.payload.eq(Mux(escaped, byte ^ FLIP, ESCAPE))
            with m.If(sent):
                m.d.sync += escaped.eq(special & ~escaped)
        with m.FSM():
            with m.State("BEGIN"):
                m.d.comb += [self.o.valid.eq(self.i.valid), self.o.payload.eq(FLAG),
                             check.start.eq(1)]
                with m.If(sent):
                    m.next = "CONTENT"
            with m.State("CONTENT"):
                m.d.comb += [given.eq(self.i.valid), byte.eq(self.i.p.data),
                             self.i.ready.eq(taken), check.valid.eq(taken)]
                with m.If(taken & self.i.p.last):
                    m.next = "CHECK"
            with m.State("CHECK"):
                m.d.comb += [given.eq(1), byte.eq(check.crc.word_select(number, 8))]
                with m.If(taken):
                    m.d.sync += number.eq(number + 1)
                    with m.If(number == CHECK_BYTES - 1):
                        m.next = "END"
            with m.State("END"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(FLAG)]
                with m.If(sent):
                    m.next = "BEGIN"
        return m
