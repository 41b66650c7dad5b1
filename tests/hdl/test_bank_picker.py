# amaranth: UnusedElaboratable=no
"""Bank picker and operand store: the two halves of the collector, each on its own."""

import re

import pytest
from collector_model import BankModel, Entry, ohmma_of, random_steps
from unit_bench import CONFIGS, Bench

from dstc_hdl.bank_picker import BankPicker
from dstc_hdl.operand_store import OperandStore


class Picker:
    """A picker in a collector of which every other bank is ready at random times."""

    def __init__(self, config, hazard, seed, p, q):
        self.config = config
        self.bench = Bench(BankPicker(config, hazard), seed)
        self.rng = self.bench.rng
        self.model = BankModel(config, hazard, p, q)
        self.tokens = [token for step in random_steps(config, self.rng, 120)
                       for token in ohmma_of(config, step, self.rng)]
        self.entries, self.head, self.next = {}, 0, 0
        self.pick, self.shown, self.count = None, None, 0
        self.bench.before(self.drive)
        self.bench.after(self.check, "o", "needs_head")

    def drive(self, ctx, cycle):
        """Show the entries as they are, pick and retire by the model, then take an OHMMA."""
        config, dut, rng = self.config, self.bench.dut, self.rng
        depth = config.collector_entries
        places = [self.entries.get(serial) for serial in
                  (self.head + (place - self.head) % depth for place in range(depth))]
        row_masks, row_values = self._side(places, "rows", self.model.p, config.array_rows,
                                           config.row_groups)
        col_masks, col_values = self._side(places, "cols", self.model.q, config.array_cols,
                                           config.col_groups)
        ctx.set(dut.row_masks, row_masks)
        ctx.set(dut.col_masks, col_masks)
        current = ctx.get(dut.current)
        ctx.set(dut.row_values, row_values[current])
        ctx.set(dut.col_values, col_values[current])
        # A free entry keeps whatever its last occupant left.
        for name in ("closed", "accs"):
            ctx.set(getattr(dut, name), sum(
                (getattr(entry, name.rstrip("s")) if entry else rng.randrange(2)) << place
                for place, entry in enumerate(places)))
        ctx.set(dut.head, self.head % depth)
        ctx.set(dut.head_next, (self.head + 1) % depth)
        self.shown, self.pick = self.pick, self.model.choose(self.entries, self.head, cycle)
        self.needs = self.model.needs_head
        oldest = self.entries.get(self.head)
        retire = bool(oldest and oldest.closed and not self.needs and rng.random() < .6)
        ctx.set(dut.retire, retire)
        self.model.advance(self.head, retire)
        if retire:
            del self.entries[self.head]
            self.head += 1
        if self.tokens and rng.random() < .8:
            first = self.tokens[0]["token"]["first"]
            if first and len(self.entries) < depth:
                self.entries[self.next] = Entry()
                self.next += 1
            elif first:
                return
            self.entries[self.next - 1].add(self.tokens.pop(0))

    def _side(self, places, name, where, lanes, groups):
        """Masks and values of the positions of this bank, with noise where there is no value."""
        masks, values = [], []
        for entry in places:
            held = getattr(entry, name) if entry else {}
            masks.append(sum((where + g * lanes in held) << g for g in range(groups)))
            values.append([
                held.get(where + g * lanes, self.rng.getrandbits(self.config.element_bits))
                for g in range(groups)])
        return masks, values

    def check(self, cycle, product, needs_head):
        assert needs_head == self.needs, f"needs_head in cycle {cycle}"
        assert product["valid"] == (self.shown is not None), f"cycle {cycle}"
        if self.shown:
            assert product == self.shown, f"cycle {cycle}"
            self.count += 1

    def run(self):
        self.bench.run(lambda: not self.tokens and not self.entries and not self.shown, 5000)


@pytest.mark.parametrize("name, entries, hazard, p, q", [
    ("tiny", 2, 4, 0, 0), ("tiny", 3, 1, 1, 3), ("tiny", 4, 2, 1, 0), ("tiny", 16, 5, 0, 2),
    ("odd", 3, 3, 7, 1), ("flat", 2, 2, 3, 4), ("int8", 5, 5, 0, 7), ("paper", 8, 3, 5, 11)])
@pytest.mark.parametrize("seed", range(2))
def test_picker(name, entries, hazard, p, q, seed):
    picker = Picker(CONFIGS[name].replace(collector_entries=entries), hazard, seed, p, q)
    picker.run()
    assert picker.count > 8


@pytest.mark.parametrize("hazard", [0, -1, 2.0, "3", None])
def test_wrong_hazard(hazard):
    message = f"Hazard distance must be an integer of at least 1, not {hazard!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        BankPicker(CONFIGS["tiny"], hazard)


@pytest.mark.parametrize("name, groups", [("tiny", 4), ("odd", 8), ("flat", 1)])
@pytest.mark.parametrize("seed", range(2))
def test_store(name, groups, seed):
    """Writes, additions, retirement, and an entry that is taken anew as it retires."""
    config = CONFIGS[name]
    depth = config.collector_entries
    readers = 3
    bench = Bench(OperandStore(config, groups, readers), seed)
    rng, dut = bench.rng, bench.dut
    masks, values = [0] * depth, [[None] * groups for _ in range(depth)]
    seen, read_at = [], []

    def drive(ctx, cycle):
        seen[:] = [list(masks), [list(entry) for entry in values]]
        taken, target, first = rng.random() < .6, rng.randrange(depth), rng.random() < .4
        retire, head = rng.random() < .4, rng.randrange(depth)
        mask = rng.getrandbits(groups)
        brought = [rng.getrandbits(config.element_bits) for _ in range(groups)]
        for name, value in (("taken", taken), ("target", target), ("first", first), ("mask", mask),
                            ("i", brought), ("retire", retire), ("head", head)):
            ctx.set(getattr(dut, name), value)
        read_at[:] = [rng.randrange(depth) for _ in range(readers)]
        ctx.set(dut.at, read_at)
        if retire and not (taken and target == head):
            masks[head] = 0
        if taken:
            masks[target] = mask | (0 if first else masks[target])
            for g in range(groups):
                if mask >> g & 1:
                    values[target][g] = brought[g]

    def check(cycle, got_masks, got_values):
        assert got_masks == seen[0]
        for n, e in enumerate(read_at):
            for g in range(groups):
                if seen[0][e] >> g & 1:
                    assert got_values[n][g] == seen[1][e][g]

    bench.before(drive)
    bench.after(check, "masks", "read")
    bench.run(lambda: bench.cycle == 200, 201)
