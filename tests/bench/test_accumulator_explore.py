import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dstc.config import get_config

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "bench" / "accumulator"
TILE, ARRAY = (32, 32), (8, 16)


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)


def stream(*steps, context=None):
    """Steps of the paper's tile, each given as its rows and its columns."""
    from scatter_model import Steps
    rows, cols = (np.zeros((len(steps), 32), bool) for _ in range(2))
    for k, (some_rows, some_cols) in enumerate(steps):
        rows[k, list(some_rows)] = True
        cols[k, list(some_cols)] = True
    return Steps(rows, cols, np.array(context or [0] * len(steps)), ARRAY)


def run(side, steps, entries, hazard, mapping="modulo", shape=ARRAY):
    import scatter_model
    return getattr(scatter_model, side)(steps, scatter_model.Banks.of(mapping, TILE, shape),
                                        entries, hazard)


ONE_BANK = (0, 8, 16, 24), (0, 16)      # eight products for bank (0, 0), in one OHMMA
FULL = range(32), range(32)


def test_one_bank_at_a_time():
    # Taken in cycle 0, products in 1 to 8, retired in 9, where the next one is taken.
    assert run("operand_side", stream(ONE_BANK), 1, 1) == (1, 1, 10)
    assert run("operand_side", stream(ONE_BANK, ONE_BANK), 1, 1) == (2, 10, 19)
    # With room for both, the bank goes from one to the next without a gap.
    assert run("operand_side", stream(ONE_BANK, ONE_BANK), 2, 1) == (2, 2, 18)
    # Products leave as soon as an OHMMA is there, and the next one enters behind the last.
    assert run("product_side", stream(ONE_BANK, ONE_BANK), 1, 1) == (2, 9, 17)
    # Twice the columns: half of the conflict.
    assert run("product_side", stream(ONE_BANK, ONE_BANK), 1, 1, shape=(8, 32)) == (2, 5, 9)


def test_hazard_distance():
    same = stream(*[((3,), (5,))] * 4)
    for entries in (4, 8):
        # Picks in cycles 1, 4, 7, 10; the last entry retires in cycle 11.
        assert run("operand_side", same, entries, 3) == (4, 4, 12)
        # Picks in 1, 3, 4, 5: in 1 there is no second entry to go on to yet, which costs cycle 2.
        assert run("operand_side", same, entries, 1) == (4, 4, 7)
    # The other context has accumulators of its own: picks in 1, 3, 4, 5 again.
    other = stream(*[((3,), (5,))] * 4, context=[0, 1, 0, 1])
    assert run("operand_side", other, 8, 2) == (4, 4, 7)
    # Another accumulator of the bank is taken meanwhile: rows 3 and 11 in turn, hazard 2.
    both = stream(*[((3, 11), (5,))] * 3)
    assert run("operand_side", both, 4, 2) == (3, 3, 8)


def test_mapping():
    assert run("operand_side", stream(ONE_BANK), 2, 1)[2] == 10
    assert run("operand_side", stream(ONE_BANK), 2, 1, "skew")[2] == 4
    assert run("operand_side", stream(ONE_BANK), 2, 1, "cross")[2] == 6
    neighbours = stream(((0, 1, 2, 3), (0, 1)))
    assert run("operand_side", neighbours, 2, 1, "block")[2] == 10
    assert run("operand_side", neighbours, 2, 1)[2] == 3


@pytest.mark.parametrize("mapping", ["modulo", "block", "skew", "cross"])
@pytest.mark.parametrize("shape", [(8, 16), (16, 32)])
def test_every_accumulator_has_a_place(mapping, shape):
    from scatter_model import Banks
    banks = Banks.of(mapping, TILE, shape)
    places = set(zip(banks.bank.ravel().tolist(), banks.place.ravel().tolist(), strict=True))
    assert places == {(bank, place) for bank in range(shape[0] * shape[1])
                      for place in range(1024 // (shape[0] * shape[1]))}


@pytest.mark.parametrize("side", ["operand_side", "product_side"])
def test_dense_is_one_ohmma_per_cycle(side):
    steps = stream(*[FULL] * 40)
    assert run(side, steps, 16, 3)[:2] == (320, 320) and steps.ohmma == 320


def test_empty_steps_cost_nothing():
    empty = (), range(32)
    assert run("operand_side", stream(empty, FULL, empty, FULL, empty), 8, 3)[:2] == (16, 16)
    assert run("product_side", stream(empty, empty), 8, 3) == (0, 0, 0)


@pytest.mark.parametrize("name", ["paper", "small"])
def test_agrees_with_the_verilog(name):
    from scatter_masks import independent
    from scatter_model import Banks, operand_side
    config = get_config(name)
    banks = Banks.of("modulo", (config.tile_m, config.tile_n),
                     (config.array_rows, config.array_cols))
    streams = independent(config)
    measured = [row for row in json.loads((ROOT / "docs/results/throughput.json").read_text())
                ["rows"] if row["config"] == name]
    assert len(measured) == 25
    for row in measured:
        steps = streams[f"{row['density_a']}/{row['density_b']}"]
        ohmma, issue, _ = operand_side(steps, banks, config.collector_entries,
                                       config.adder_latency + 1)
        assert ohmma == steps.ohmma == row["ohmma"]
        rtl = row["bins"]["issue"] + row["bins"]["conflict"]
        assert abs(issue - rtl) <= .01 * rtl, row


def test_product_router():
    """The router of the comparison brings every product to its bank, in k order."""
    from amaranth.sim import Simulator
    from product_scatter import ProductScatter
    config, banks = get_config("tiny"), (4, 4)
    dut = ProductScatter(config, banks, 3, 3)
    rng = np.random.default_rng(5)
    want, got = {}, {}

    async def put(ctx):
        for k in range(30):
            rows = sorted(rng.choice(8, 2, False).tolist())
            cols = sorted(rng.choice(8, 4, False).tolist())
            present = int(rng.integers(1, 256))
            ctx.set(dut.i.acc, k // 15)
            ctx.set(dut.i.row, rows)
            ctx.set(dut.i.col, cols)
            for lane in range(8):
                ctx.set(dut.i.products[lane], 8 * k + lane)
                if present >> lane & 1:
                    key = k // 15, rows[lane // 4], cols[lane % 4]
                    want.setdefault(key, []).append(8 * k + lane)
            ctx.set(dut.present, present)
            ctx.set(dut.valid, 1)
            await ctx.tick().until(dut.ready)
        ctx.set(dut.valid, 0)
        await ctx.tick().repeat(40)

    async def get(ctx):
        last, now = {}, 0
        async for _ in ctx.tick():
            now += 1
            for bank in range(16):
                product = ctx.get(dut.o[bank])
                if product.valid:
                    key = (product.acc, bank // 4 + 4 * (product.index % 2),
                           bank % 4 + 4 * (product.index // 2))
                    got.setdefault(key, []).append(product.product)
                    assert now - last.get(key, -3) >= 3
                    last[key] = now

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(put)
    simulator.add_testbench(get, background=True)
    simulator.run()
    assert got == want


def test_command_line():
    run = subprocess.run([sys.executable, FOLDER / "explore.py", "--help"], capture_output=True,
                         text=True, check=True, timeout=60)
    assert "--no-synthesis" in run.stdout
