# amaranth: UnusedElaboratable=no
"""Record packer: pieces of k-steps in, beats of tile records out."""

import re

import pytest
from element_math import random_element
from unit_bench import CONFIGS, STALLS, Bench

from dstc_hdl.conv.record_packer import RecordPacker

# Configuration and lanes: those of the two users of the packer, and some unlike a beat.
SHAPES = [("tiny", 8), ("tiny", 4), ("small", 16), ("small", 8), ("odd", 24), ("odd", 2),
          ("int8", 16), ("flat", 8)]


def piece(bits, values, lanes, rng, end=0, close=0):
    """A piece as the packer takes it; what follows its values is arbitrary."""
    junk = [rng.getrandbits(8) for _ in range(lanes - len(values))]
    return {"bits": bits, "count": len(values), "values": values + junk, "end": end,
            "close": close}


class Records:
    """Random records in pieces, and the beats and cycles that they must give."""

    def __init__(self, config, lanes, rng, count):
        self.config, self.lanes, self.rng = config, lanes, rng
        self.pieces, self.beats = [], []
        self.taken = []             # cycle in which each piece is taken if nothing stalls
        self.sent = []              # and each beat
        self._next, self._free = 0, -1
        for n in range(count):
            self._record(density=(1, 0, .5, .1, .9, .3)[n % 6])

    def _record(self, density):
        config, rng = self.config, self.rng
        bitmaps, values, pieces = [], [], []
        for _ in range(rng.choice([config.tile_k, config.tile_k, 1, config.tile_k // 2])):
            bits = [n for n in range(config.tile_m) if rng.random() < density]
            bitmaps.append(sum(1 << n for n in bits))
            values += self._step(bits, pieces)
        if rng.random() < .3 and len(bitmaps) < config.tile_k:
            # Complete k-steps alone, then a close that brings nothing.
            pieces.append(piece(0, [], self.lanes, rng))
        elif rng.random() < .5:
            pieces[-1]["end"] = 0
        pieces[-1]["close"] = 1
        self.pieces += pieces
        beats = self._beats(bitmaps, values)
        self.beats += beats
        for entry in pieces:
            cycle = self._next + max(1, -(-entry["count"] // config.a_beat_values)) - 1
            if entry["close"]:
                cycle = max(cycle, self._free)
                self.sent += [cycle + 1 + n for n in range(len(beats))]
                self._free = cycle + len(beats)
            self.taken.append(cycle)
            self._next = cycle + 1

    def _step(self, bits, pieces):
        """Cut a k-step into pieces, empty ones among them; gives its values."""
        rng, values = self.rng, []
        while True:
            while rng.random() < .1:
                pieces.append(piece(0, [], self.lanes, rng))
            size = min(len(bits), rng.choice([1, self.lanes // 2, self.lanes, self.lanes]))
            taken, bits = bits[:size], bits[size:]
            part = [random_element(self.config, rng) for _ in taken]
            values += part
            pieces.append(piece(sum(1 << n for n in taken), part, self.lanes, rng))
            if not bits:
                pieces[-1]["end"] = 1
                return values

    def _beats(self, bitmaps, values):
        width, bits = self.config.a_beat_bits, self.config.element_bits
        wires = [(bitmaps, self.config.tile_m, self.config.tile_k * self.config.tile_m),
                 (values, bits, len(values) * bits)]
        beats = []
        for items, size, length in wires:
            wire = sum(item << n * size for n, item in enumerate(items))
            beats += [wire >> first & (1 << width) - 1 for first in range(0, length, width)]
        return [{"data": beat, "last": n == len(beats) - 1} for n, beat in enumerate(beats)]


@pytest.mark.parametrize("name, lanes", SHAPES)
@pytest.mark.parametrize("p", STALLS)
def test_records(name, lanes, p):
    config = CONFIGS[name]
    bench = Bench(RecordPacker(config, lanes), seed=41)
    records = Records(config, lanes, bench.rng, 9)
    bench.drive("i", records.pieces, p[0])
    out = bench.take("o", p[1])
    errors = []
    bench.after(lambda cycle, error: errors.append(error), "error")
    bench.run(lambda: len(out.tokens) == len(records.beats), 6000)
    assert out.tokens == records.beats
    assert not any(errors)


@pytest.mark.parametrize("name, lanes", SHAPES)
def test_cycles(name, lanes):
    """A piece in as many cycles as its values need beats; a record waits only for the one before
    it, and its beats follow each other.
    """
    config = CONFIGS[name]
    bench = Bench(RecordPacker(config, lanes), seed=42)
    records = Records(config, lanes, bench.rng, 12)
    pieces, out = bench.drive("i", records.pieces), bench.take("o")
    bench.run(lambda: len(out.tokens) == len(records.beats), 6000)
    assert pieces.cycles == records.taken
    assert out.cycles == records.sent
    # Some record had to wait, some had not.
    gaps = {b - a for a, b in zip(records.sent, records.sent[1:], strict=False)}
    assert 1 in gaps and len(gaps) > 1


@pytest.mark.parametrize("extra", ["bits", "values", "end"])
def test_too_many_steps(extra):
    """What comes after tile_k complete k-steps is an error and left out; the record still ends,
    and the next one is not touched.
    """
    config = CONFIGS["tiny"]
    bench, errors = Bench(RecordPacker(config, 4), seed=43), []
    records = Records(config, 4, bench.rng, 1)      # the first is full
    records.pieces[-1].update(end=1, close=0)
    steps = sum(entry["end"] for entry in records.pieces)
    assert steps == config.tile_k
    records.pieces += [
        piece(0b11 if extra == "bits" else 0, [5] if extra == "values" else [], 4, bench.rng,
              end=extra == "end"),
        piece(0, [], 4, bench.rng, close=1)]
    wrong = len(records.pieces) - 2
    records._record(.5)
    taken, out = bench.drive("i", records.pieces), bench.take("o")
    bench.after(lambda cycle, error: errors.append(error), "error")
    bench.run(lambda: len(out.tokens) == len(records.beats), 500)
    assert out.tokens == records.beats
    assert [cycle for cycle, error in enumerate(errors) if error] == [taken.cycles[wrong]]


@pytest.mark.parametrize("lanes", [0, "8"])
def test_wrong_lanes(lanes):
    message = f"Record packer lanes must be an integer of at least 1, not {lanes!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        RecordPacker(CONFIGS["tiny"], lanes)
