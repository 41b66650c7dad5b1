"""Decoder of the words of a convolution unit, generated from their table."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from dstc.isa import OPCODE_BITS, WORD_BITS

__all__ = ["WordDecoder", "check_fields"]


def check_fields(config, word, fields):
    """Each field of a word by name, and whether one of them is out of range."""
    wrong, values = Const(0, 1), {}
    for field in fields:
        value = values[field.name] = word[field.lsb:field.lsb + field.width]
        stop = field.stop(config)
        if field.low:
            wrong = wrong | (value < field.low)
        if stop < 1 << field.width:
            wrong = wrong | (value >= stop)
    return values, wrong


class WordDecoder(wiring.Component):
    """Decoder of instruction words.

    Timing: combinational.

    Parameters
    ----------
    config : Config
        Gives the ranges of the fields.
    instructions : sequence of InstructionSpec
        The table, such as ``dstc.conv.words.GATHER_WORDS``.

    Members
    -------
    word : ``In(64)``
    op : ``Out(StructLayout)``
        One bit per mnemonic; none is set for an illegal word: an unknown opcode, a reserved bit
        or a field out of range.
    fields : ``Out(StructLayout)``
        One structure per mnemonic with the fields of its instruction.
    """

    def __init__(self, config, instructions):
        self._config = config
        self._instructions = instructions
        super().__init__({
            "word": In(WORD_BITS),
            "op": Out(data.StructLayout({spec.mnemonic: 1 for spec in instructions})),
            "fields": Out(data.StructLayout({
                spec.mnemonic: data.StructLayout({field.name: field.width
                                                  for field in spec.fields})
                for spec in instructions})),
        })

    def elaborate(self, platform):
        m = Module()
        for spec in self._instructions:
            values, wrong = check_fields(self._config, self.word, spec.fields)
            m.d.comb += [self.fields[spec.mnemonic][name].eq(value)
                         for name, value in values.items()]
            m.d.comb += self.op[spec.mnemonic].eq(
                (self.word[:OPCODE_BITS] == spec.opcode)
                & ~(self.word & spec.reserved_mask).any() & ~wrong)
        return m
