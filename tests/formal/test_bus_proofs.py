"""A defect for every property of the bus units, which has to be found."""

import pytest
from defects import refuted
from formal.proofs import Bus, channel, order, reads, writes


@pytest.mark.parametrize("old, new, claims", [
    # Bursts are on offer whether there is room or not.
    ("fits.eq(count <= free)", "fits.eq(1)", {"room"}),
    # A burst has its greatest length wherever it starts.
    ("room.eq(longest - at[:exact_log2(longest)])", "room.eq(longest)", {"block"}),
    # The next command replaces the last burst of the one before.
    ("self.cmd.ready.eq(~active | (take & final))", "self.cmd.ready.eq(~active | final)",
     {"kept"}),
])
def test_defect_of_the_read_channel(seed, old, new, claims):
    seed("accelerator.read_channel", old, new)
    assert refuted(channel(Bus(1024), 512, 1).make()) == claims


@pytest.mark.parametrize("old, new, claims", [
    ("ar.i.valid.eq(may_ask & allowed)", "ar.i.valid.eq(chosen.valid & allowed)", {"stopped"}),
    ("ar.i.valid.eq(may_ask & allowed)", "ar.i.valid.eq(may_ask)", {"window"}),
    # Every beat that comes ends a burst.
    ("ends.eq(r.valid & r.p.last)", "ends.eq(r.valid)", {"quiet"}),
])
def test_defect_of_the_read_port(seed, old, new, claims):
    seed("accelerator.read_port", old, new)
    assert refuted(reads(Bus(1024), 2).make()) == claims


@pytest.mark.parametrize("make, old, new, claims", [
    # Data go out before their burst.
    (writes, "w.valid.eq(cutter.beat.valid & (sending != 0))", "w.valid.eq(cutter.beat.valid)",
     {"data"}),
    # Beats of a burst are counted on in the next one.
    (order, "number.eq(Mux(beat.last, 0, number + 1))", "number.eq(number + 1)", {"whole"}),
])
def test_defect_of_the_write_port(seed, make, old, new, claims):
    seed("accelerator.write_port", old, new)
    assert refuted(make(Bus(1024)).make()) == claims
