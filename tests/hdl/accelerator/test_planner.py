"""Program fetch and planner: what they refuse, and what they make of the rest."""

import random

import pytest
from amaranth.sim import Simulator
from axi_memory import accelerator
from node_image import row_stride, tiles
from unit_bench import STALLS, Bench

from dstc.accelerator.records import PROGRAM, PROGRAM_MAGIC, TILES
from dstc.accelerator.registers import DeviceErrorCode
from dstc_hdl.accelerator.planner import Planner
from dstc_hdl.accelerator.program_fetch import ProgramFetch

ACC = accelerator(128)
GOOD = {"pair": 1, "raw": 0, "ktiles": 300, "a": 0x1000, "b": 0x2340, "c": 0x50, "result": 0x9000,
        "y": 0x70, "y_ktiles": 9, "y_first": 5, "blocks0": 2, "blocks1": 2, "load_c": 1}
RAW = {"pair": 0, "raw": 1, "ktiles": 1, "a": 0x1000, "b": 0x2340, "result": 0x9000}
HEADER = {"magic": PROGRAM_MAGIC, "version": 1, "lowered": 1, "instructions": 3, "post_words": 7,
          "post": 0x1000, "gather": 0x2000, "gather_words": 11, "x_records": 13, "x_list": 0x3010,
          "x_directory": 0x4020, "config_id": ACC.config_id}


def number(words):
    return sum(int(word) << 64 * n for n, word in enumerate(words))


def patched(spec, words, **fields):
    """A record with fields that its table may forbid."""
    value = number(words)
    for name, new in fields.items():
        field = spec[name]
        value &= ~(field.mask << 64 * field.word)
        value |= new << 64 * field.word + field.lsb
    return value


def refusals(cases):
    """Whether the planner refuses each of some (record, lowered)."""
    dut, found = Planner(ACC), []

    async def look(ctx):
        ctx.set(dut.i.valid, 1)
        ctx.set(dut.item, 0x7C0)
        for record, lowered in cases:
            ctx.set(dut.i.p.data, record)
            ctx.set(dut.lowered, lowered)
            fault = ctx.get(dut.fault)
            assert ctx.get(dut.i.ready) == 1 - fault.valid
            assert (fault.code, fault.address) == (DeviceErrorCode.INSTRUCTION, 0x7C0)
            found.append(bool(fault.valid))

    simulator = Simulator(dut)
    simulator.add_testbench(look)
    simulator.run()
    return found


def test_refused_instructions():
    good, raw = tiles(**GOOD), tiles(**RAW)
    wrong = [
        *(patched(TILES, good, **change) for change in (
            {"opcode": 0x61}, {"ktiles": 0}, {"a": 0x1008}, {"b": 8}, {"c": 1}, {"result": 4},
            {"y": 2}, {"blocks0": 0}, {"blocks0": 3}, {"blocks1": 0}, {"blocks1": 3},
            {"y_first": 6}, {"y_ktiles": 8}, {"pair": 0}, {"y_first": 0xFFFF})),
        *(patched(TILES, raw, **change) for change in (
            {"blocks0": 1}, {"blocks1": 1}, {"y": 0x10})),
        *(number(good) ^ 1 << 64 * word + bit for word in range(8) for bit in range(64)
          if TILES.reserved(word) >> bit & 1),
    ]
    right = [number(good), number(raw), patched(TILES, good, pair=0, blocks1=0),
             patched(TILES, raw, y_first=4, y_ktiles=1), patched(TILES, raw, pair=1, dense=1)]
    assert refusals([(each, 0) for each in wrong]) == [True] * len(wrong)
    assert refusals([(each, 0) for each in right]) == [False] * len(right)
    assert refusals([(number(raw), 1), (patched(TILES, raw, a=0), 1)]) == [True, False]


@pytest.mark.parametrize("p_in, p_out", STALLS)
def test_plans(p_in, p_out):
    rng, records, wanted = random.Random(7), [], []
    for n in range(20):
        fields = {name: rng.getrandbits(field.width) for name in
                  ("pair", "dense", "load_c", "raw", "a", "b", "c", "result", "y")
                  if (field := TILES[name])} | {"ktiles": rng.randint(1, 65535)}
        fields |= {name: fields[name] >> 4 << 4 for name in ("a", "b", "c", "result", "y")}
        if fields["raw"]:
            fields |= {"y": 0, "blocks0": 0, "blocks1": 0, "y_ktiles": 0, "y_first": 0}
        else:
            fields |= {"blocks0": 2, "blocks1": 2 * fields["pair"], "y_first": 9, "y_ktiles": 99}
        last = int(n == 19)
        records.append({"data": number(tiles(**fields)), "last": last})
        walk = {name: fields[name] for name in ("pair", "dense", "load_c", "ktiles", "a")}
        walk |= {"b0": fields["b"], "last": last,
                 "b1": fields["b"] + row_stride(fields["ktiles"]) & (1 << 48) - 1}
        order = {name: fields[name] for name in ("pair", "raw", "result", "y", "y_ktiles",
                                                 "y_first", "blocks0", "blocks1")}
        wanted.append({"walk": walk, "order": order | {"last": last}, "c": fields["c"]})
    bench = Bench(Planner(ACC), seed=1)
    source, out = bench.drive("i", records, p_in), bench.take("o", p_out)
    bench.run(lambda: len(out.tokens) == 20, 400)
    assert out.tokens == wanted
    if (p_in, p_out) == (1, 1):
        assert out.cycles == [cycle + 1 for cycle in source.cycles] == list(range(1, 21))


class Fetch(Bench):
    """A program fetch with its streams; the header is ``header``."""

    def __init__(self, header, p=(1, 1)):
        super().__init__(ProgramFetch(ACC), seed=3)
        self.drive("start", [0x7C0])
        items = [{"data": header, "last": 1},
                 *({"data": 1000 + n, "last": int(n == 2)} for n in range(3))]
        self.items = self.drive("i", items, p[0])
        self.ports = {name: self.take(name, p[1]) for name in ("cmd", "post", "gather", "x_list",
                                                              "o")}
        self.seen = {}
        self.after(lambda cycle, *values: self.seen.update(zip(
            ("fault", "commanded", "program"), values, strict=True)),
            "fault", "commanded", "program")


@pytest.mark.parametrize("p", STALLS)
def test_commands(p):
    bench = Fetch(number(PROGRAM.pack(**HEADER)), p)
    bench.run(lambda: len(bench.ports["o"].tokens) == 3, 300)
    tokens = {name: port.tokens for name, port in bench.ports.items()}
    assert tokens == {
        "cmd": [{"address": 0x7C0, "items": 1}, {"address": 0x800, "items": 3}],
        "post": [{"address": 0x1000, "items": 7}], "gather": [{"address": 0x2000, "items": 11}],
        "x_list": [{"address": 0x3010, "items": 13}],
        "o": [{"data": 1000 + n, "last": int(n == 2)} for n in range(3)]}
    assert bench.seen["commanded"] and not bench.seen["fault"]["valid"]
    assert bench.seen["program"] == {"lowered": 1, "x_directory": 0x4020}


@pytest.mark.parametrize("changes", [
    {"magic": PROGRAM_MAGIC ^ 1}, {"version": 2}, {"instructions": 0}, {"post_words": 0},
    {"post": 8}, {"gather": 1}, {"x_list": 4}, {"x_directory": 2},
    {"config_id": ACC.config_id ^ 1 << 31}, {"lowered": 0, "gather_words": 0},
    {"lowered": 0, "x_records": 0}], ids=str)
def test_refused_headers(changes):
    bench = Fetch(patched(PROGRAM, PROGRAM.pack(**HEADER), **changes))
    bench.run(lambda: bench.cycle == 20, 30)
    assert bench.seen["fault"] == {"valid": 1, "code": DeviceErrorCode.PROGRAM, "address": 0x7C0}
    assert not bench.items.tokens and not bench.seen["commanded"]
    assert [len(port.tokens) for port in bench.ports.values()] == [1, 0, 0, 0, 0]
