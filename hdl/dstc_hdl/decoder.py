"""Instruction decoder, generated from the instruction table."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from dstc.isa import INSTRUCTIONS, OPCODE_BITS, WORD_BITS, ErrorCode

__all__ = ["InstructionDecoder", "decoded_layout"]


def decoded_layout():
    """One bit per mnemonic, one field per operand name wide enough for every use of it."""
    widths = {}
    for spec in INSTRUCTIONS:
        for field in spec.fields:
            widths[field.name] = max(widths.get(field.name, 0), field.width)
    return data.StructLayout({
        "op": data.StructLayout({spec.mnemonic: 1 for spec in INSTRUCTIONS}),
        **widths,
    })


class InstructionDecoder(wiring.Component):
    """Instruction decoder.

    Timing: combinational.

    Parameters
    ----------
    config : Config
        Gives the ranges of the fields.

    Members
    -------
    word : ``In(64)``
    decoded : ``Out(decoded_layout())``
        No ``op`` bit is set for an illegal word.
    code : ``Out(4)``
        0, or the :class:`dstc.isa.ErrorCode` of an illegal word; the opcode is checked first,
        then the reserved bits, then the fields.
    """

    def __init__(self, config):
        self._config = config
        super().__init__({"word": In(WORD_BITS), "decoded": Out(decoded_layout()), "code": Out(4)})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.code.eq(ErrorCode.ILLEGAL_OPCODE)
        with m.Switch(self.word[:OPCODE_BITS]):
            for spec in INSTRUCTIONS:
                with m.Case(spec.opcode):
                    out_of_range = Signal(name=f"range_{spec.mnemonic}")
                    for field in spec.fields:
                        value = self.word[field.lsb:field.lsb + field.width]
                        m.d.comb += self.decoded[field.name].eq(value)
                        stop = field.stop(self._config)
                        too_high = value >= stop if stop < 1 << field.width else Const(0)
                        with m.If((value < field.low) | too_high):
                            m.d.comb += out_of_range.eq(1)
                    with m.If((self.word & spec.reserved_mask).any()):
                        m.d.comb += self.code.eq(ErrorCode.RESERVED_BITS)
                    with m.Elif(out_of_range):
                        m.d.comb += self.code.eq(ErrorCode.FIELD_RANGE)
                    with m.Else():
                        m.d.comb += [self.code.eq(ErrorCode.NONE),
                                     self.decoded.op[spec.mnemonic].eq(1)]
        return m
