"""Warp requests and walker, entry readers and their merge, and the issuer."""

import random

import pytest
from node_image import warp_part
from unit_bench import STALLS, Bench

from dstc.accelerator.records import ENTRY
from dstc.accelerator.registers import DeviceErrorCode
from dstc.config import get_config
from dstc.isa import Instruction, encode
from dstc_hdl.accelerator.column_merge import ColumnMerge
from dstc_hdl.accelerator.entry_reader import EntryReader, record_beats
from dstc_hdl.accelerator.pair_issuer import PairIssuer
from dstc_hdl.accelerator.warp_requests import WarpRequests
from dstc_hdl.accelerator.warp_walker import WarpWalker

TINY = get_config("tiny")
ADDRESS = (1 << 48) - 1


def random_walks(rng, count):
    walks = []
    for n in range(count):
        walks.append({"pair": rng.randrange(2), "dense": int(rng.random() < .3),
                      "load_c": rng.randrange(2), "ktiles": rng.choice([1, 31, 32, 33, 128, 129,
                                                                       160, 300]),
                      "last": int(n == count - 1),
                      **{side: rng.getrandbits(44) << 4 for side in ("a", "b0", "b1")}})
    return walks


def sides_read(walk, lowered):
    if walk["dense"]:
        return ()
    return tuple(side for side in ("a", "b0", "b1")
                 if (side != "a" or not lowered) and (side != "b1" or walk["pair"]))


def lowered_bench(dut, lowered, seed):
    bench = Bench(dut, seed)
    bench.before(lambda ctx, cycle: ctx.set(dut.lowered, lowered))
    return bench


@pytest.mark.parametrize("lowered", [0, 1])
@pytest.mark.parametrize("p_in, p_out", STALLS)
def test_requests(lowered, p_in, p_out):
    walks = random_walks(random.Random(2), 12)
    wanted = [{"address": walk[side] + 16 * chunk & ADDRESS, "items": 1} for walk in walks
              for chunk in range(-(-walk["ktiles"] // 128)) for side in sides_read(walk, lowered)]
    bench = lowered_bench(WarpRequests(), lowered, 4)
    source, out = bench.drive("i", walks, p_in), bench.take("cmd", p_out)
    bench.run(lambda: len(out.tokens) == len(wanted) and source.idle, 1000)
    assert out.tokens == wanted
    if (p_in, p_out) == (1, 1):
        assert bench.cycle == len(wanted) + sum(walk["dense"] for walk in walks)


class Walk:
    """Random warp bitmaps of an instruction, and the groups that they make."""

    def __init__(self, rng, walk, lowered):
        ktiles = walk["ktiles"]
        bits = {side: sum((rng.random() < .4) << k for k in range(ktiles))
                for side in sides_read(walk, lowered)}
        self.chunks = [{"data": bits[side] >> first & (1 << 128) - 1, "last": 1}
                       for first in range(0, ktiles, 128) for side in sides_read(walk, lowered)]
        every = (1 << ktiles) - 1
        a = bits.get("a", every)
        columns = a & bits.get("b0", every), a & bits.get("b1", every) if walk["pair"] else 0
        self.groups = []
        for first in range(0, ktiles, 32):
            b0, b1 = (column >> first & (1 << 32) - 1 for column in columns)
            masks = {name: walk[name] for name in ("pair", "dense", "load_c", "last")}
            at = {side: walk[side] + warp_part(ktiles) + 8 * first & ADDRESS
                  for side in ("a", "b0", "b1")}
            self.groups.append({
                "masks": masks | {"b0": b0, "b1": b1, "begin": int(first == 0),
                                  "end": int(first + 32 >= ktiles)},
                "a": {"mask": b0 | b1, "at": at["a"]}, "b0": {"mask": b0, "at": at["b0"]},
                "b1": {"mask": b1, "at": at["b1"]}})
        self.cycles = 1 + len(self.chunks) + len(self.groups)


@pytest.mark.parametrize("lowered", [0, 1])
@pytest.mark.parametrize("p_in, p_out", STALLS)
def test_walker(lowered, p_in, p_out):
    rng = random.Random(5)
    instructions = random_walks(rng, 12)
    walks = [Walk(rng, walk, lowered) for walk in instructions]
    wanted = [group for walk in walks for group in walk.groups]
    bench = lowered_bench(WarpWalker(), lowered, 6)
    source, out = bench.drive("i", instructions, p_in), bench.take("o", p_out)
    bench.drive("chunk", [chunk for walk in walks for chunk in walk.chunks], p_in)
    bench.after(lambda cycle, fault: _no(fault["valid"]), "fault")
    bench.run(lambda: len(out.tokens) == len(wanted) and source.idle, 2000)
    assert out.tokens == wanted
    if (p_in, p_out) == (1, 1):
        assert bench.cycle == sum(walk.cycles for walk in walks)


def _no(value):
    assert not value


@pytest.mark.parametrize("ktiles, side, bit", [(5, 0, 5), (5, 1, 127), (130, 3, 2), (128, 2, None)])
def test_bits_past_the_last_k_tile(ktiles, side, bit):
    """Of the chunk that has one the address is reported, and it is not taken."""
    walk = dict(zip(("pair", "dense", "load_c", "last"), (0, 0, 0, 1), strict=True)) | {
        "ktiles": ktiles, "a": 0x100, "b0": 0x200, "b1": 0x300}
    chunks = [{"data": 1, "last": 1} for _ in range(2 * -(-ktiles // 128))]
    if bit is not None:
        chunks[side]["data"] |= 1 << bit
    bench, faults = Bench(WarpWalker(), 1), []
    bench.drive("i", [walk])
    source, out = bench.drive("chunk", chunks), bench.take("o")
    bench.before(lambda ctx, cycle: ctx.set(bench.dut.chunk_at, 0x1230))
    bench.after(lambda cycle, fault: faults.append(fault), "fault")
    bench.run(lambda: bench.cycle == 20, 30)
    if bit is None:
        assert len(out.tokens) == 4 and not any(fault["valid"] for fault in faults)
    else:
        assert len(source.tokens) == side
        assert faults[-1] == {"valid": 1, "code": DeviceErrorCode.DIRECTORY, "address": 0x1230}


def random_runs(rng, count):
    masks = [rng.choice([0, 1, 1 << 31, (1 << 32) - 1, rng.getrandbits(32),
                         rng.getrandbits(32) & rng.getrandbits(32) & rng.getrandbits(32)])
             for _ in range(count)]
    return [{"mask": mask, "at": rng.getrandbits(40) << 4} for mask in masks]


def set_bits(mask):
    return [n for n in range(32) if mask >> n & 1]


@pytest.mark.parametrize("side", ["A", "B"])
@pytest.mark.parametrize("p_in, p_out", STALLS)
def test_entries(side, p_in, p_out):
    rng = random.Random(8)
    runs = random_runs(rng, 25)
    low, high = record_beats(TINY, side)
    assert (low, high) == {"A": (1, 9), "B": (1, 5)}[side]
    asked, entries, wanted = [], [], []
    for run in runs:
        bits = set_bits(run["mask"])
        if not bits:
            continue
        asked.append({"address": run["at"] + 8 * bits[0], "items": bits[-1] - bits[0] + 1})
        for n in range(bits[0], bits[-1] + 1):
            place, beats = rng.getrandbits(44), rng.randint(low, high)
            if n in bits:
                wanted.append({"address": place << 4, "items": beats})
                entries.append(int(ENTRY.pack(place=place, beats=beats)[0]))
            else:
                entries.append(rng.getrandbits(64))     # nobody looks at it
    bench = Bench(EntryReader(TINY, side), 9)
    bench.drive("i", runs, p_in)
    bench.drive("entry", [{"data": entry, "last": 0} for entry in entries], p_in)
    cmd, out = bench.take("cmd", p_out), bench.take("o", p_out)
    bench.after(lambda cycle, fault: _no(fault["valid"]), "fault")
    bench.run(lambda: len(out.tokens) == len(wanted) and len(cmd.tokens) == len(asked), 3000)
    assert cmd.tokens == asked
    assert out.tokens == wanted
    if (p_in, p_out) == (1, 1):
        # The first run has a queue to pass and a mask to fill.
        assert out.cycles[-1] <= len(entries) + 3


@pytest.mark.parametrize("side, word, wrong", [
    ("A", 9 << 44, False), ("A", 10 << 44, True), ("A", 0, True), ("A", 1 << 44, False),
    ("A", 1 << 60 | 1 << 44, True), ("A", 1 << 63 | 1 << 44, True), ("B", 6 << 44, True)])
def test_wrong_entries(side, word, wrong):
    bench, faults = Bench(EntryReader(TINY, side), 1), []
    bench.drive("i", [{"mask": 0b101, "at": 0}])
    source = bench.drive("entry", [{"data": 1 << 44, "last": 0}, {"data": 0, "last": 0},
                                   {"data": word, "last": 1}])
    bench.take("cmd")
    out = bench.take("o")
    bench.before(lambda ctx, cycle: ctx.set(bench.dut.item, 0xABC0))
    bench.after(lambda cycle, fault: faults.append(fault), "fault")
    bench.run(lambda: bench.cycle == 12, 20)
    assert len(out.tokens) == 2 - wrong and len(source.tokens) == 3 - wrong
    assert faults[-1]["valid"] == wrong
    assert (faults[-1]["code"], faults[-1]["address"]) == (DeviceErrorCode.DIRECTORY, 0xABC0)


def random_masks(rng, count):
    """Groups of instructions of one to three groups."""
    groups = []
    while len(groups) < count:
        walk = {name: rng.randrange(2) for name in ("pair", "dense", "load_c")}
        size = rng.randint(1, 3)
        for n in range(size):
            b0, b1 = (rng.choice([0, 1 << 31, rng.getrandbits(32) & rng.getrandbits(32)])
                      for _ in range(2))
            groups.append(walk | {"b0": b0, "b1": b1 * walk["pair"], "begin": int(n == 0),
                                  "end": int(n == size - 1), "last": 0})
    groups[-1]["last"] = 1
    return groups


@pytest.mark.parametrize("p_in, p_out", STALLS)
def test_merge(p_in, p_out):
    groups = random_masks(random.Random(11), 20)
    columns, wanted, cycles = ([], []), [], 0
    for group in groups:
        for k in range(32):
            for n, name in enumerate(("b0", "b1")):
                if group[name] >> k & 1:
                    record = {"address": len(wanted) + 1, "items": n + 1}
                    columns[n].append(record)
                    wanted.append(record)
        cycles += max(1, (group["b0"].bit_count() + group["b1"].bit_count()))
    bench = Bench(ColumnMerge(), 12)
    source, out = bench.drive("i", groups, p_in), bench.take("o", p_out)
    for name, column in zip(("b0", "b1"), columns, strict=True):
        bench.drive(name, column, p_in)
    bench.run(lambda: source.idle and len(out.tokens) == len(wanted), 3000)
    assert out.tokens == wanted
    if (p_in, p_out) == (1, 1):
        assert bench.cycle == cycles


def core_program(groups, config):
    """The words, from the contract."""
    words, slot_a, slot_b, context = [], 0, 0, 0

    def word(mnemonic, **operands):
        words.append(encode(Instruction.of(mnemonic, **operands), config))

    for group in groups:
        contexts = (0, 1) if group["pair"] else (context,)
        if group["begin"] and group["load_c"]:
            for acc in contexts:
                word("LDC", acc=acc)
        for k in range(32):
            columns = [n for n, name in enumerate(("b0", "b1")) if group[name] >> k & 1]
            if columns:
                word("LDA", slot=slot_a)
            for n in columns:
                word("LDB", slot=slot_b)
                word("WMMA" if group["dense"] else "SPWMMA", a=slot_a, b=slot_b, acc=contexts[n])
                slot_b = (slot_b + 1) % config.slots
            slot_a = (slot_a + bool(columns)) % config.slots
        if group["end"]:
            for acc in contexts:
                word("STC", acc=acc)
            context ^= not group["pair"]
            if group["last"]:
                word("HALT")
    return words


@pytest.mark.parametrize("config", [TINY, get_config("paper"), TINY.replace(name="three", slots=3)],
                         ids=lambda config: config.name)
@pytest.mark.parametrize("p_in, p_out", STALLS)
def test_issuer(config, p_in, p_out):
    groups = random_masks(random.Random(13), 20)
    wanted = core_program(groups, config)
    bench = Bench(PairIssuer(config), 14)
    source, out = bench.drive("i", groups, p_in), bench.take("o", p_out)
    bench.run(lambda: source.idle, 4000)
    assert out.tokens == wanted
    if (p_in, p_out) == (1, 1):
        silent = sum(not (group["b0"] | group["b1"] or group["end"]
                          or (group["begin"] and group["load_c"])) for group in groups)
        assert bench.cycle == len(wanted) + silent
