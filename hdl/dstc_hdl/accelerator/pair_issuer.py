"""Pair issuer: the core's program, from the k-tiles that have work."""

from amaranth import *
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.isa import INSTRUCTIONS, WARP_BITS, WORD_BITS

from ..select import lowest
from .layouts import masks_layout

__all__ = ["PairIssuer"]


class Phase(enum.Enum, shape=4):
    """The word of a group that comes next; the letter tells what, the number the column."""

    FIRST = 0       # whichever the group begins with
    C0 = 1
    C1 = 2
    A = 3
    B0 = 4
    M0 = 5
    B1 = 6
    M1 = 7
    D0 = 8
    D1 = 9
    HALT = 10


def core_word(mnemonic, **operands):
    """An instruction whose operands are signals."""
    spec = next(spec for spec in INSTRUCTIONS if spec.mnemonic == mnemonic)
    assert sorted(operands) == sorted(field.name for field in spec.fields)
    word = C(spec.opcode, WORD_BITS)
    for field in spec.fields:
        word = word | (operands[field.name] << field.lsb)
    return word


class PairIssuer(wiring.Component):
    """Pair issuer.

    For an output tile: ``LDC`` if sums start from C; for every k-tile with work ``LDA``, and for
    each column that has work ``LDB`` and ``SPWMMA`` (``WMMA`` of a dense instruction); ``STC``.
    The columns of a pair go to contexts 0 and 1, single tiles to both in turn.  ``HALT`` follows
    the last instruction.  Slots go round for either side from program to program.

    Timing: one word per cycle, without a gap between groups; a group that needs no word takes a
    cycle.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : ``In(stream.Signature(masks_layout()))``
        Taken with its last word.
    o : ``Out(stream.Signature(64))``
    """

    def __init__(self, config):
        self._config = config
        super().__init__({"i": In(stream.Signature(masks_layout())),
                          "o": Out(stream.Signature(WORD_BITS))})

    def elaborate(self, platform):
        m = Module()
        group = self.i.p
        phase, now, after = Signal(Phase), Signal(Phase), Signal(Phase)
        gone = Signal(WARP_BITS)                # k-tiles of the group that are done
        work, here, rest = Signal(WARP_BITS), Signal(WARP_BITS), Signal(WARP_BITS)
        m.d.comb += [
            work.eq((group.b0 | group.b1) & ~gone),
            here.eq(lowest(m, "lowest_work", work)),
            rest.eq(work & ~here),
        ]
        close, tiles = Signal(Phase), Signal(Phase)
        m.d.comb += [
            close.eq(Mux(group.end, Phase.D0, Phase.FIRST)),
            tiles.eq(Mux(work.any(), Phase.A, close)),
            now.eq(Mux(phase != Phase.FIRST, phase,
                       Mux(group.begin & group.load_c, Phase.C0, tiles))),
        ]
        more = Mux(rest.any(), Phase.A, close)
        second = (group.b1 & here).any()
        halt = Mux(group.last, Phase.HALT, Phase.FIRST)
        with m.Switch(now):
            for value, following in (
                (Phase.C0, Mux(group.pair, Phase.C1, tiles)), (Phase.C1, tiles),
                (Phase.A, Mux((group.b0 & here).any(), Phase.B0, Phase.B1)),
                (Phase.B0, Phase.M0), (Phase.M0, Mux(second, Phase.B1, more)),
                (Phase.B1, Phase.M1), (Phase.M1, more),
                (Phase.D0, Mux(group.pair, Phase.D1, halt)), (Phase.D1, halt),
                (Phase.HALT, Phase.FIRST), (Phase.FIRST, Phase.FIRST),
            ):
                with m.Case(value):
                    m.d.comb += after.eq(following)
        step, done = Signal(), Signal()         # `done`: with the lowest k-tile
        m.d.comb += [
            step.eq(self.o.ready | (now == Phase.FIRST)),
            done.eq((now == Phase.M1) | ((now == Phase.M0) & ~second)),
            self.o.valid.eq(self.i.valid & (now != Phase.FIRST)),
            self.i.ready.eq(step & (after == Phase.FIRST)),
        ]
        with m.If(self.i.valid & step):
            m.d.sync += phase.eq(after)
            with m.If(after == Phase.FIRST):
                m.d.sync += gone.eq(0)
            with m.Elif(done):
                m.d.sync += gone.eq(gone | here)
        self._words(m, now, *self._places(m, now, done))
        return m

    def _places(self, m, now, done):
        """Context and slots of a word; they move on behind the last word that uses them."""
        group, slots = self.i.p, self._config.slots
        context, acc = Signal(), Signal()
        slot_a, slot_b = Signal(range(slots)), Signal(range(slots))
        column = (now == Phase.C1) | (now == Phase.M1) | (now == Phase.D1)
        m.d.comb += acc.eq(Mux(group.pair, column, context))
        with m.If(self.o.valid & self.o.ready):
            with m.If(done):
                m.d.sync += slot_a.eq(Mux(slot_a == slots - 1, 0, slot_a + 1))
            with m.If((now == Phase.M0) | (now == Phase.M1)):
                m.d.sync += slot_b.eq(Mux(slot_b == slots - 1, 0, slot_b + 1))
            with m.If((now == Phase.D0) & ~group.pair):
                m.d.sync += context.eq(~context)
        return acc, slot_a, slot_b

    def _words(self, m, now, acc, slot_a, slot_b):
        product = {"a": slot_a, "b": slot_b, "acc": acc}
        with m.Switch(now):
            for phases, word in (
                ((Phase.C0, Phase.C1), core_word("LDC", acc=acc)),
                ((Phase.A,), core_word("LDA", slot=slot_a)),
                ((Phase.B0, Phase.B1), core_word("LDB", slot=slot_b)),
                ((Phase.M0, Phase.M1), Mux(self.i.p.dense, core_word("WMMA", **product),
                                           core_word("SPWMMA", **product))),
                ((Phase.D0, Phase.D1), core_word("STC", acc=acc)),
                ((Phase.HALT,), core_word("HALT")),
            ):
                with m.Case(*phases):
                    m.d.comb += self.o.payload.eq(word)
