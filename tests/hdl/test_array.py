"""Outer-product array: every product in its lane, with its accumulator."""

import pytest
from element_math import multiply, random_element
from unit_bench import CONFIGS, Bench

from dstc_hdl.array import OuterProductArray


@pytest.mark.parametrize("name, cycles", [("tiny", 100), ("int8", 60), ("odd", 40), ("small", 20)])
@pytest.mark.parametrize("p", [1, .3])
def test_products(name, cycles, p):
    check_products(CONFIGS[name], cycles, p)


@pytest.mark.parametrize("element", ["bf16", "fp8_e4m3", "fp8_e5m2"])
def test_elements(element):
    check_products(CONFIGS["tiny"].replace(element=element), 200, .7)


def check_products(config, cycles, p):
    bench = Bench(OuterProductArray(config), seed=71)
    rng, latency, given = bench.rng, bench.dut.latency, []

    def drive(ctx, cycle):
        given.append([{
            "valid": rng.random() < p, "acc": rng.randrange(2),
            "index": rng.randrange(config.bank_depth),
            "a": random_element(config, rng), "b": random_element(config, rng),
        } for _ in range(config.multipliers)])
        ctx.set(bench.dut.i, given[-1])

    def check(cycle, products):
        # Before the first operands come through, only `valid` is known: it is reset.
        for lane, got in enumerate(products):
            want = given[cycle - latency][lane] if cycle >= latency else {"valid": 0}
            assert got["valid"] == want["valid"]
            if want["valid"]:
                assert (got["acc"], got["index"]) == (want["acc"], want["index"])
                assert got["product"] == multiply(config, want["a"], want["b"])

    bench.before(drive)
    bench.after(check, "o")
    bench.run(lambda: bench.cycle == cycles, cycles + 1)
