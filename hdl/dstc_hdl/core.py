"""The dual-side sparse core."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.isa import CONTEXTS, WORD_BITS

from .accumulator import AccumulationBuffer, hazard_distance
from .array import OuterProductArray
from .bitmap_unit import BitmapUnit
from .collector import OperandCollector
from .crossbar import OperandCrossbar
from .dispatcher import Dispatcher
from .layouts import (
    acc_op_layout,
    beat_layout,
    compute_op_layout,
    counters_layout,
    load_op_layout,
    ohmma_layout,
    status_layout,
)
from .operand_buffer import OperandBuffer
from .performance import PerformanceCounters
from .sequencer import OhmmaExpander, StepWalker
from .stream import StreamQueue, StreamRegister
from .ticket_counter import TicketCounter
from .tile_port import CLoad, Drain

__all__ = ["Core"]

# Tile pairs that may wait in front of the walker; deep enough that loads run ahead of compute
# for every slot of the largest buffer.
QUEUE = 8


class Core(wiring.Component):
    """Dual-side sparse tensor core (Wang et al., ISCA 2021).

    Executes a program of tile loads, tile products and drains (docs/isa.md) on streams of encoded
    tiles (docs/format.md).  Loads, compute and drains overlap; slots and accumulation contexts are
    interlocked in program order.  Results follow docs/numerics.md to the bit and do not depend on
    the timing of the streams.

    Timing: one OHMMA per cycle when operands are present and the accumulator banks keep up
    (docs/architecture.md).  The counters are final one cycle after ``status.halted`` rises.

    Parameters
    ----------
    config : Config

    Members
    -------
    instr : ``In(stream.Signature(64))``
        Program words.
    a, b : ``In(stream.Signature({data, last}))``
        Tile records, in the order of their loads.
    c : ``In(stream.Signature(c_beat_bits))``
        C tiles, in the order of their loads.
    d : ``Out(stream.Signature({data, last}))``
        Result tiles, in the order of their drains.
    resume : ``In(1)``
        While halted: start anew, with counters at 0.
    status : ``Out(status_layout())``
    counters : ``Out(counters_layout())``
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "instr": In(stream.Signature(WORD_BITS)),
            "a": In(stream.Signature(beat_layout(config.a_beat_bits))),
            "b": In(stream.Signature(beat_layout(config.b_beat_bits))),
            "c": In(stream.Signature(config.c_beat_bits)),
            "d": Out(stream.Signature(beat_layout(config.c_beat_bits))),
            "resume": In(1),
            "status": Out(status_layout()),
            "counters": Out(counters_layout()),
        })

    @property
    def config(self):
        return self._config

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.dispatcher = dispatcher = Dispatcher(config)
        m.submodules.buffer_a = buffer_a = OperandBuffer(config, "A")
        m.submodules.buffer_b = buffer_b = OperandBuffer(config, "B")
        m.submodules.walker = walker = StepWalker(config)
        m.submodules.expander = expander = OhmmaExpander(config)
        m.submodules.records = records = StreamRegister(ohmma_layout(config))
        m.submodules.bitmap_unit = bitmap_unit = BitmapUnit(config)
        m.submodules.crossbar = crossbar = OperandCrossbar(config)
        m.submodules.collector = collector = OperandCollector(config, hazard_distance(config))
        m.submodules.array = array = OuterProductArray(config)
        m.submodules.accumulator = accumulator = AccumulationBuffer(config)

        for stream_, port in ((self.instr, dispatcher.instr), (self.a, buffer_a.i),
                              (self.b, buffer_b.i)):
            wiring.connect(m, wiring.flipped(stream_), port)
        m.d.comb += [dispatcher.resume.eq(self.resume), self.status.eq(dispatcher.status)]
        queues = self._queues(m, dispatcher, buffer_a, buffer_b, walker)
        self._front(m, walker, expander, records, bitmap_unit, crossbar, collector,
                    buffer_a, buffer_b)
        m.d.comb += [array.i.eq(collector.o), accumulator.i.eq(array.o)]
        back = self._back(m, dispatcher, walker, queues, collector, accumulator,
                          array.latency + accumulator.latency)
        for side, buffer in (("a", buffer_a), ("b", buffer_b)):
            m.d.comb += [
                getattr(dispatcher.ended, f"reads_{side}").eq(buffer.reads),
                getattr(dispatcher.ended, f"loads_{side}").eq(buffer.loads),
                getattr(dispatcher, f"record_error_{side}").eq(buffer.error),
            ]
        self._counters(m, dispatcher, queues, walker, collector, back,
                       (walker.o, expander.o, records.o, bitmap_unit.o, crossbar.o))
        return m

    def _queues(self, m, dispatcher, buffer_a, buffer_b, walker):
        """Queues between the dispatcher and the units that carry operations out."""
        config, queues = self._config, {}
        for name, layout in (("load_a", load_op_layout(config)), ("load_b", load_op_layout(config)),
                             ("compute", compute_op_layout(config)),
                             ("load_c", acc_op_layout()), ("drain", acc_op_layout())):
            queues[name] = StreamQueue(layout, QUEUE)
            m.submodules[f"{name}_queue"] = queues[name]
            wiring.connect(m, getattr(dispatcher, name), queues[name].i)
        for name, unit in (("load_a", buffer_a.load), ("load_b", buffer_b.load),
                           ("compute", walker.i)):
            wiring.connect(m, queues[name].o, unit)
        return queues

    def _front(self, m, walker, expander, records, bitmap_unit, crossbar, collector,
               buffer_a, buffer_b):
        """From k-steps to operands at the collector, one stage after the other."""
        for source, sink in ((walker.o, expander.i), (expander.o, records.i),
                             (bitmap_unit.o, crossbar.i), (crossbar.o, collector.i)):
            wiring.connect(m, source, sink)
        m.d.comb += [
            bitmap_unit.i.valid.eq(records.o.valid),
            bitmap_unit.i.p.token.eq(records.o.payload),
            records.o.ready.eq(bitmap_unit.i.ready),
        ]
        step, token = expander.o.p, records.o.p
        for side, buffer, slot in (("a", buffer_a, "a_slot"), ("b", buffer_b, "b_slot")):
            m.d.comb += [
                getattr(walker, f"loads_{side}").eq(buffer.loads),
                getattr(walker, f"groups_{side}").eq(buffer.groups),
                buffer.record_en.eq(records.i.valid & records.i.ready),
                buffer.record_slot.eq(step[slot]), buffer.record_k.eq(step.k),
                bitmap_unit.i.p[side].eq(buffer.record),
                buffer.fetch_en.eq(bitmap_unit.fetch_en), buffer.fetch_slot.eq(token[slot]),
                buffer.fetch.eq(getattr(bitmap_unit, f"fetch_{side}")),
                getattr(crossbar, f"banks_{side}").eq(buffer.banks),
                # The slot is free again once the values of its last OHMMA are read.
                buffer.release.eq(bitmap_unit.fetch_en & token.op_last),
                buffer.release_slot.eq(token[slot]),
            ]

    def _back(self, m, dispatcher, walker, queues, collector, accumulator, latency):
        """C loads and drains take turns with compute; returns whether any of it is active."""
        m.submodules.c_load = c_load = CLoad(self._config)
        m.submodules.drain = drain = Drain(self._config)
        m.submodules.computes = computes = TicketCounter(CONTEXTS)
        wiring.connect(m, wiring.flipped(self.c), c_load.i)
        wiring.connect(m, drain.o, wiring.flipped(self.d))
        # The last products of an instruction are summed `latency` cycles after it was collected.
        done, acc = collector.done, collector.done_acc
        waits = []
        for n in range(latency):
            done_stage, acc_stage = Signal(name=f"done_{n}"), Signal(name=f"done_acc_{n}")
            m.d.sync += [done_stage.eq(done), acc_stage.eq(acc)]
            done, acc = done_stage, acc_stage
            waits.append(done)
        m.d.comb += [computes.step.eq(done), computes.which.eq(acc)]
        turns = Signal.like(computes.totals)
        for name, unit in (("load_c", c_load), ("drain", drain)):
            wiring.connect(m, queues[name].o, unit.op)
            op = queues[name].o.p
            m.d.comb += unit.turn.eq((computes.totals[op.acc] == op.computes)
                                     & (turns[op.acc] == op.turns))
        for n in range(CONTEXTS):
            ends = ((c_load.done & (c_load.op.p.acc == n)) | (drain.done & (drain.op.p.acc == n)))
            m.d.sync += turns[n].eq(turns[n] + ends)
        m.d.comb += [
            accumulator.write_at.eq(c_load.at), accumulator.write.eq(c_load.write),
            accumulator.read_acc.eq(drain.at.acc), accumulator.read_row.eq(drain.at.bank_row),
            accumulator.read_index.eq(drain.next_index), drain.read.eq(accumulator.read),
            accumulator.clear.eq(drain.clear),
            dispatcher.ended.computes.eq(computes.totals), dispatcher.ended.turns.eq(turns),
            walker.turns.eq(turns),
        ]
        return ~collector.empty | Cat(waits).any() | c_load.op.valid | drain.op.valid

    def _counters(self, m, dispatcher, queues, walker, collector, back, front):
        m.submodules.performance = performance = PerformanceCounters(self._config)
        activity = performance.i
        m.d.comb += [
            activity.running.eq(dispatcher.status.busy),
            activity.restart.eq(dispatcher.restart),
            activity.valid.eq(collector.i.valid), activity.ready.eq(collector.i.ready),
            activity.null.eq(collector.i.p.token.null),
            activity.row_mask.eq(collector.i.p.a.mask), activity.col_mask.eq(collector.i.p.b.mask),
            activity.wait_operand.eq(walker.wait_operand),
            activity.wait_context.eq(walker.wait_context),
            activity.front.eq(Cat(stage.valid for stage in front).any()
                              | queues["compute"].o.valid),
            activity.back.eq(back),
            self.counters.eq(performance.counters),
        ]
