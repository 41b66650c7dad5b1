"""Reader of the epilogue's words."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.conv.words import MULTIPLIER, SHIFT, SHIFT_STOP, parameter_words, word_spec
from dstc.isa import OPCODE_BITS, WORD_BITS

from ..conv.word_decoder import check_fields
from .layouts import op_layout, parameter_write_layout

__all__ = ["PostReader"]


class PostReader(wiring.Component):
    """Takes ``POST`` words and the parameters that follow them (dstc.conv.words).

    Parameters are kept in two halves: new ones go to the half that the operation before does not
    use.  An operation with new parameters is offered once they are all written.

    A word is illegal if its opcode, a reserved bit or a field is; with ``raw``, if ``blocks`` is
    not 1; if the operation needs parameters and none came since reset; and a requantisation
    parameter with a set bit outside its fields or a shift that is too far.  ``error`` rises in the
    cycle after it was taken and stays until reset; no further word is taken and the operation of
    the word is never offered.

    Timing: an operation takes a cycle for ``POST``, one for each parameter word and one to be
    offered; the words of the next are taken from the cycle after it was taken from ``o`` on.

    Parameters
    ----------
    config : Config

    Members
    -------
    instr : ``In(stream.Signature(64))``
    o : ``Out(stream.Signature(op_layout(config)))``
        Whoever takes an operation has done with the parameters of the one before.
    write : ``Out(parameter_write_layout(config))``
    error : ``Out(1)``
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "instr": In(stream.Signature(WORD_BITS)),
            "o": Out(stream.Signature(op_layout(config))),
            "write": Out(parameter_write_layout(config)),
            "error": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        word = self.instr.payload
        fields, illegal = self._decode(m, word)
        half, loaded = Signal(), Signal()
        index = Signal(range(parameter_words(self._config)))
        op = self.o.p
        m.d.comb += self.instr.ready.eq(0)
        with m.FSM():
            with m.State("POST"):
                m.d.comb += self.instr.ready.eq(~self.error)
                with m.If(self.instr.valid & ~self.error):
                    m.d.sync += [op[name].eq(fields[name])
                                 for name in ("relu", "raw", "bias", "rows", "blocks")]
                    m.d.sync += [op.half.eq(half ^ fields["params"]), index.eq(0)]
                    with m.If(illegal | (self._needs(fields) & ~loaded)):
                        m.d.sync += self.error.eq(1)
                    with m.Elif(fields["params"]):
                        m.next = "PARAMETERS"
                    with m.Else():
                        m.next = "OFFER"
            with m.State("PARAMETERS"):
                m.d.comb += self.instr.ready.eq(~self.error)
                with m.If(self.write.en):
                    m.d.sync += index.eq(index + 1)
                    with m.If(self.write.scale & self._bad_scale(word)):
                        m.d.sync += self.error.eq(1)
                    with m.Elif(index == parameter_words(self._config) - 1):
                        m.d.sync += [half.eq(op.half), loaded.eq(1)]
                        m.next = "OFFER"
                m.d.comb += self.write.en.eq(self.instr.valid & self.instr.ready)
            with m.State("OFFER"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    m.next = "POST"
        pairs = self._config.tile_n // 2
        m.d.comb += [
            self.write.half.eq(op.half),
            self.write.scale.eq(index >= pairs),
            self.write.pair.eq(Mux(self.write.scale, index - pairs, index)),
            self.write.words.as_value().eq(word),
        ]
        return m

    def _decode(self, m, word):
        """The fields of ``POST``, and whether the word is illegal."""
        spec, wrong = word_spec("POST"), Signal(name="illegal")
        fields, out_of_range = check_fields(self._config, word, spec.fields)
        m.d.comb += wrong.eq((word[:OPCODE_BITS] != spec.opcode)
                             | (word & spec.reserved_mask).any() | out_of_range
                             | (fields["raw"] & (fields["blocks"] != 1)))
        return fields, wrong

    def _needs(self, fields):
        """Whether the operation uses parameters that its own word does not bring."""
        scaled = Const(0) if self._config.format.is_float else ~fields["raw"]
        return (fields["bias"] | scaled) & ~fields["params"]

    @staticmethod
    def _bad_scale(word):
        """Whether a word of two requantisation parameters is illegal."""
        spare = (1 << 32) - 1 & ~(MULTIPLIER.mask | SHIFT.mask)
        halves = [word[:32], word[32:]]
        return Cat((half & spare).any()
                   | (half[SHIFT.lsb:SHIFT.lsb + SHIFT.width] >= SHIFT_STOP)
                   for half in halves).any()
