"""The quick proofs, and one defect for every property, which has to be found."""

import pytest
from defects import refuted
from formal.accumulation import Accumulation
from formal.collector import Collector
from formal.proofs import ADDER_LATENCIES, accumulation, collector, queue, quick_proofs, shape
from formal.prover import ProofError, prove

from dstc_hdl.accumulator import AccumulatorBank, hazard_distance
from dstc_hdl.array import MultiplierLane
from dstc_hdl.bank_picker import BankPicker
from dstc_hdl.collector import OperandCollector


@pytest.mark.parametrize("proof", list(quick_proofs()), ids=lambda proof: proof.name)
def test_proof(proof):
    outcome = prove(proof.make().system())
    assert outcome.holds, (outcome.failed, outcome.reachable, outcome.trace)


@pytest.mark.parametrize("latency", ADDER_LATENCIES)
def test_hazard_distance_one_too_short(latency):
    config = shape(2, 2, adder_latency=latency, collector_entries=2)
    short = hazard_distance(config) - 1
    assert "alone" in refuted(Accumulation(BankPicker(config, short), MultiplierLane(config),
                                           AccumulatorBank(config), config))
    assert refuted(Collector(OperandCollector(config, short), config, short + 1)) == {"distance"}


@pytest.mark.parametrize("module, old, new, claims", [
    # The bank adds its address to the sum one cycle early.
    ("accumulator", "range(adder.latency)", "range(adder.latency - 1)",
     {"current", "readable"}),
    # An accumulator is not +0 after its context was cleared.
    ("accumulator", "Mux(written.bit_select(read.addr, 1), read.data, 0)", "read.data",
     {"current", "readable"}),
    # A sum is written to both contexts.
    ("accumulator", "ends.eq(valid & (acc == n))", "ends.eq(valid)", {"current", "readable"}),
    # A read has the address of the product that comes.
    ("accumulator", "Mux(arrives, self.i.index, read_index)", "self.i.index", {"readable"}),
    # A product has the address of the read.
    ("accumulator", "Mux(arrives, self.i.index, read_index)", "read_index", {"current"}),
    # The context of the product that comes next.
    ("array", "self.o.acc.eq(acc)", "self.o.acc.eq(self.i.acc)", {"path", "current"}),
    # Accumulators of the other context are waited for.
    ("bank_picker", "context == acc", "context != acc", {"alone"}),
])
def test_defect_of_the_accumulation(seed, module, old, new, claims):
    seed(module, old, new)
    found = refuted(accumulation(shape(2, 2, adder_latency=2)).make())
    assert found and found <= claims


@pytest.mark.parametrize("module, old, new, claims", [
    # A product is picked again.
    ("bank_picker", "Mux(move | leave, 0, taken | pick)", "Mux(move | leave, 0, pick)",
     {"brought"}),
    # The bank goes on although a product waits for its accumulator.
    ("bank_picker", "finished.eq((pending & ~pick) == 0)", "finished.eq((free & ~pick) == 0)",
     {"complete", "order"}),
    # It goes on to the entry with the lowest number, not to the next one in the ring.
    ("bank_picker", "Mux(ahead.any(),", "Mux(0,", {"order"}),
    # It comes back to entries that it is done with.
    ("bank_picker", "(passed | left) & ~freed", "passed & ~freed", {"brought", "progress"}),
    # An accumulator once picked is taken for in flight for ever.
    ("bank_picker", "later.eq(stage)", "later.eq(stage | later)", {"progress"}),
    # A freed entry offers what it held.
    ("operand_store", "m.Elif(self.retire & (self.head == e))", "m.Elif(0)",
     {"brought", "progress"}),
    # Operands of an OHMMA replace those that came before.
    ("operand_store", "(mask & (~self.first).replicate(self._groups)) | self.mask", "self.mask",
     {"operands", "complete", "brought"}),
    # Values of the oldest entry instead of the bank's own.
    ("collector", "row.at[q].eq(picker.current)", "row.at[q].eq(head)", {"operands"}),
    # An entry retires while OHMMA are still to come.
    ("collector", "(count != 0) & closed.bit_select(head, 1) & ~needed.any()",
     "(count != 0) & ~needed.any()", {"complete"}),
    # An entry is taken while all are held.
    ("collector", "~token.first | (count != entries) | retire", "1", {"ports"}),
    # A full ring does not see that its oldest entry retires.
    ("collector", "~token.first | (count != entries) | retire", "~token.first | (count != entries)",
     {"ports"}),
])
def test_defect_of_the_collector(seed, module, old, new, claims):
    seed(module, old, new)
    config = shape(2, 2, collector_entries=3)
    found = refuted(collector(config, hazard_distance(config)).make())
    assert found and found <= claims


@pytest.mark.parametrize("old, new, claims", [
    ("queue.r_en.eq(self.o.ready)", "queue.r_en.eq(self.o.valid)", {"offers", "oldest"}),
    ("self.i.ready.eq(queue.w_rdy)", "self.i.ready.eq(1)", {"accepts"}),
    ("self.empty.eq(queue.level == 0)", "self.empty.eq(queue.level <= 1)", {"offers"}),
    ("queue.w_data.eq(Value.cast(self.i.payload))", "queue.w_data.eq(queue.w_level)", {"oldest"}),
])
def test_defect_of_the_queue(seed, old, new, claims):
    seed("stream", old, new)
    found = refuted(queue(3).make())
    assert found and found <= claims


def test_contradictory_assumptions_are_refused():
    harness = queue(2).make()
    harness.assume(0)
    with pytest.raises(ProofError, match="must not contradict"):
        prove(harness.system())


def test_induction_that_does_not_close_is_told():
    outcome = prove(queue(3).make().system(ties=False))
    assert not outcome.holds and not outcome.reachable and outcome.failed
