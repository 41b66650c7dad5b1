"""Dispatcher: takes the program and hands its operations to the units, in order."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.isa import CONTEXTS, WARP_BITS, WORD_BITS, ErrorCode

from .decoder import InstructionDecoder
from .layouts import TICKET_BITS, acc_op_layout, compute_op_layout, load_op_layout, status_layout
from .ticket_counter import TicketCounter

__all__ = ["Dispatcher", "ended_signature"]


def ended_signature(config):
    """Operations ended so far, per slot and per context, as the executing units count them."""
    slots = data.ArrayLayout(TICKET_BITS, config.slots)
    contexts = data.ArrayLayout(TICKET_BITS, CONTEXTS)
    return wiring.Signature({
        "loads_a": Out(slots), "loads_b": Out(slots),
        "reads_a": Out(slots), "reads_b": Out(slots),
        "computes": Out(contexts), "turns": Out(contexts),
    })


class Dispatcher(wiring.Component):
    """Dispatcher.

    Decodes program words and sends loads, C loads, compute instructions and drains to their
    units, each with the tickets (:class:`TicketCounter`) that keep program order per slot and
    per accumulation context.  ``TILE`` is expanded here: the two warp bitmaps of each of its data
    words are ANDed, and every set bit becomes a load of A, a load of B and a compute instruction
    on the next slot.

    Timing: one instruction per cycle while the units take them; ``TILE`` takes one cycle for
    itself, one for each data word and three for each tile pair.

    Parameters
    ----------
    config : Config

    Members
    -------
    instr : ``In(stream.Signature(64))``
    resume : ``In(1)``
        Leave the halted state for a new program; ignored in any other state.
    load_a, load_b : ``Out(stream.Signature(load_op_layout(config)))``
    load_c, drain : ``Out(stream.Signature(acc_op_layout()))``
    compute : ``Out(stream.Signature(compute_op_layout(config)))``
    ended : ``In(ended_signature(config))``
    record_error_a, record_error_b : ``In(1)``
        A tile record was malformed: stop.
    status : ``Out(status_layout())``
        ``address`` is the index of the word that was taken last, in an error that of the
        offending word.
    restart : ``Out(1)``
        A halted core resumes in this cycle.
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "instr": In(stream.Signature(WORD_BITS)),
            "resume": In(1),
            "load_a": Out(stream.Signature(load_op_layout(config))),
            "load_b": Out(stream.Signature(load_op_layout(config))),
            "load_c": Out(stream.Signature(acc_op_layout())),
            "drain": Out(stream.Signature(acc_op_layout())),
            "compute": Out(stream.Signature(compute_op_layout(config))),
            "ended": In(ended_signature(config)),
            "record_error_a": In(1),
            "record_error_b": In(1),
            "status": Out(status_layout()),
            "restart": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.decoder = decoder = InstructionDecoder(self._config)
        m.d.comb += decoder.word.eq(self.instr.payload)
        quiet = self._tickets(m)
        # The k-step that BOHMMA selected last; every OHMMA names it again for the units.
        micro = Signal(data.StructLayout({
            "valid": 1, "a_slot": range(self._config.slots), "b_slot": range(self._config.slots),
            "k": range(self._config.tile_k)}))
        tile = Signal(data.StructLayout({
            "acc": 1, "dense": 1, "left": 16, "pairs": WARP_BITS,
            "slot": range(self._config.slots)}))
        code, ready = Signal(4), Signal()

        with m.FSM(name="dispatch"):
            with m.State("RUN"):
                self._instruction(m, decoder, quiet, micro, tile, code, ready)
            with m.State("WARP"):
                self._warp_word(m, tile, code, ready)
            with m.State("PAIR_A"):
                m.d.comb += [self.load_a.valid.eq(1), self.load_a.p.slot.eq(tile.slot)]
                with m.If(self.load_a.ready):
                    m.next = "PAIR_B"
            with m.State("PAIR_B"):
                m.d.comb += [self.load_b.valid.eq(1), self.load_b.p.slot.eq(tile.slot)]
                with m.If(self.load_b.ready):
                    m.next = "PAIR_COMPUTE"
            with m.State("PAIR_COMPUTE"):
                self._pair_compute(m, tile)
            with m.State("HALTED"):
                m.d.comb += [self.status.halted.eq(1), self.restart.eq(self.resume)]
                with m.If(self.resume):
                    m.d.sync += micro.valid.eq(0)
                    m.next = "RUN"
        self._status(m, code, ready)
        return m

    def _status(self, m, code, ready):
        """Progress and errors; an illegal word is taken, and nothing after it."""
        started, taken = Signal(), Signal()
        m.d.comb += [
            self.instr.ready.eq(~self.status.error & (ready | (code != 0))),
            taken.eq(self.instr.valid & self.instr.ready),
            self.status.busy.eq(started & ~self.status.halted & ~self.status.error),
        ]
        with m.If(taken):
            m.d.sync += started.eq(1)
            with m.If(started):
                m.d.sync += self.status.address.eq(self.status.address + 1)
        with m.If(self.restart):
            m.d.sync += [started.eq(0), self.status.address.eq(0)]
        for error, why in ((taken & (code != 0), code),
                           (self.record_error_a, ErrorCode.A_RECORD),
                           (self.record_error_b, ErrorCode.B_RECORD)):
            with m.If(error & ~self.status.error):
                m.d.sync += [self.status.error.eq(1), self.status.code.eq(why)]

    def _tickets(self, m):
        """Count what is sent, write the tickets, and tell whether all of it has ended."""
        sent, same = {}, []
        compute, drain, load_c = self.compute, self.drain, self.load_c
        fires = {stream_: stream_.valid & stream_.ready for stream_ in
                 (self.load_a, self.load_b, load_c, drain, compute)}
        computing = fires[compute] & ~compute.p.predicate
        for name, count, step, which in (
            ("loads_a", self._config.slots, fires[self.load_a], self.load_a.p.slot),
            ("loads_b", self._config.slots, fires[self.load_b], self.load_b.p.slot),
            ("reads_a", self._config.slots, computing, compute.p.a_slot),
            ("reads_b", self._config.slots, computing, compute.p.b_slot),
            ("computes", CONTEXTS, computing, compute.p.acc),
            ("turns", CONTEXTS, fires[load_c] | fires[drain],
             Mux(load_c.valid, load_c.p.acc, drain.p.acc)),
        ):
            m.submodules[name] = sent[name] = counter = TicketCounter(count)
            m.d.comb += [counter.step.eq(step), counter.which.eq(which)]
            same.append(Value.cast(counter.totals) == Value.cast(getattr(self.ended, name)))
        m.d.comb += [
            self.load_a.p.reads.eq(sent["reads_a"].totals[self.load_a.p.slot]),
            self.load_b.p.reads.eq(sent["reads_b"].totals[self.load_b.p.slot]),
            compute.p.a_loads.eq(sent["loads_a"].totals[compute.p.a_slot]),
            compute.p.b_loads.eq(sent["loads_b"].totals[compute.p.b_slot]),
            compute.p.turns.eq(sent["turns"].totals[compute.p.acc]),
        ]
        for exclusive in (load_c, drain):
            m.d.comb += [
                exclusive.p.computes.eq(sent["computes"].totals[exclusive.p.acc]),
                exclusive.p.turns.eq(sent["turns"].totals[exclusive.p.acc]),
            ]
        quiet = Signal()
        m.d.comb += quiet.eq(Cat(same).all())
        return quiet

    def _instruction(self, m, decoder, quiet, micro, tile, code, ready):
        """State RUN: offer the instruction to its unit."""
        decoded, op = decoder.decoded, decoder.decoded.op
        compute = self.compute.p
        with m.If(self.instr.valid):
            m.d.comb += code.eq(decoder.code)
        # An unmatched OHMMA is offered to nobody: its error takes it.
        no_step = self.instr.valid & op.OHMMA & ~micro.valid
        with m.If(no_step):
            m.d.comb += code.eq(ErrorCode.NO_KSTEP)
        computing = op.SPWMMA | op.WMMA | op.BOHMMA | op.POPC | (op.OHMMA & micro.valid)
        # What is on offer stays on offer, even if a malformed record stops the program meanwhile.
        offered, held = Signal(), Signal()
        m.d.sync += held.eq(offered & ~ready)
        for unit, chosen in ((self.load_a, op.LDA), (self.load_b, op.LDB), (self.load_c, op.LDC),
                             (self.drain, op.STC), (self.compute, computing)):
            with m.If(self.instr.valid & chosen & (~self.status.error | held)):
                m.d.comb += [unit.valid.eq(1), offered.eq(1), ready.eq(unit.ready)]
        m.d.comb += [
            self.load_a.p.slot.eq(decoded.slot), self.load_b.p.slot.eq(decoded.slot),
            self.load_c.p.acc.eq(decoded.acc), self.drain.p.acc.eq(decoded.acc),
            compute.tile.eq(op.SPWMMA | op.WMMA), compute.dense.eq(op.WMMA),
            compute.select.eq(op.BOHMMA), compute.predicate.eq(op.POPC),
            compute.predicated.eq(decoded.pred),
            compute.a_slot.eq(Mux(op.OHMMA, micro.a_slot, decoded.a)),
            compute.b_slot.eq(Mux(op.OHMMA, micro.b_slot, decoded.b)),
            compute.k.eq(Mux(op.OHMMA, micro.k, decoded.k)),
            compute.acc.eq(decoded.acc), compute.g.eq(decoded.g), compute.h.eq(decoded.h),
        ]
        with m.If(self.instr.valid & op.BOHMMA & self.compute.ready):
            m.d.sync += [micro.valid.eq(1), micro.a_slot.eq(decoded.a),
                         micro.b_slot.eq(decoded.b), micro.k.eq(decoded.k)]
        with m.If(op.BARRIER | op.HALT):
            m.d.comb += ready.eq(quiet)
        with m.If(self.instr.valid & op.HALT & quiet & ~self.status.error):
            m.next = "HALTED"
        with m.If(op.TILE):
            m.d.comb += ready.eq(1)
        with m.If(self.instr.valid & op.TILE & ~self.status.error):
            m.d.sync += [tile.acc.eq(decoded.acc), tile.dense.eq(decoded.dense),
                         tile.left.eq(decoded.ktiles), tile.slot.eq(0)]
            m.next = "WARP"

    def _warp_word(self, m, tile, code, ready):
        """State WARP: AND the two bitmaps of a data word."""
        a, b = self.instr.payload[:WARP_BITS], self.instr.payload[WARP_BITS:]
        used, last = Signal(WARP_BITS), Signal()
        m.d.comb += [
            last.eq(tile.left <= WARP_BITS),
            used.eq(Mux(last, (1 << tile.left[:WARP_BITS.bit_length()]) - 1, -1)),
            ready.eq(1),
        ]
        with m.If(self.instr.valid & ((a | b) & ~used).any()):
            m.d.comb += code.eq(ErrorCode.WARP_BITMAP)
        with m.Elif(self.instr.valid & ~self.status.error):
            m.d.sync += [tile.pairs.eq(a & b),
                         tile.left.eq(Mux(last, 0, tile.left - WARP_BITS))]
            with m.If((a & b).any()):
                m.next = "PAIR_A"
            with m.Elif(last):
                m.next = "RUN"

    def _pair_compute(self, m, tile):
        """State PAIR_COMPUTE: the product of the pair; then the next pair, word or instruction."""
        op, rest = self.compute.p, Signal(WARP_BITS)
        m.d.comb += [
            rest.eq(tile.pairs & (tile.pairs - 1)),
            self.compute.valid.eq(1),
            op.tile.eq(1), op.dense.eq(tile.dense), op.acc.eq(tile.acc),
            op.a_slot.eq(tile.slot), op.b_slot.eq(tile.slot),
        ]
        with m.If(self.compute.ready):
            m.d.sync += [
                tile.pairs.eq(rest),
                tile.slot.eq(Mux(tile.slot == self._config.slots - 1, 0, tile.slot + 1)),
            ]
            with m.If(rest.any() & ~self.status.error):
                m.next = "PAIR_A"
            with m.Elif(tile.left.any()):
                m.next = "WARP"
            with m.Else():
                m.next = "RUN"
