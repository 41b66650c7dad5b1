"""The units that a configuration gets."""

import numpy as np
import pytest
from arith_bench import simulate

from dstc.config import CONFIGS, get_config
from dstc_hdl.arith import (
    MULTIPLIER_LATENCY,
    Fp32Adder,
    FpMultiplier,
    Int32Adder,
    IntMultiplier,
    make_adder,
    make_multiplier,
)

UNITS = {**dict.fromkeys(["fp16", "bf16", "fp8_e4m3", "fp8_e5m2"], (FpMultiplier, Fp32Adder)),
         "int8": (IntMultiplier, Int32Adder)}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_units_fit_the_configuration(config):
    multiplier, adder = make_multiplier(config), make_adder(config)
    assert (type(multiplier), type(adder)) == UNITS[config.element]
    assert len(multiplier.a) == len(multiplier.b) == config.element_bits
    assert len(adder.a) == len(adder.b) == len(adder.o) == len(multiplier.o) == config.acc_bits
    assert multiplier.latency == MULTIPLIER_LATENCY == 1
    assert adder.latency == config.adder_latency
    two, three = np.array([[2], [3]]).astype(config.format.dtype).view(
        f"u{config.element_bits // 8}")
    product = simulate(multiplier, two, three)
    assert product.view(config.format.acc_dtype).tolist() == [6]
    assert simulate(adder, product, product).view(config.format.acc_dtype).tolist() == [12]


@pytest.mark.parametrize("element", ["fp16", "int8"])
@pytest.mark.parametrize("latency", [1, 2, 3, 4])
def test_adder_latency(element, latency):
    config = get_config("tiny").replace(element=element, adder_latency=latency)
    adder = make_adder(config)
    assert adder.latency == latency
    assert simulate(adder, np.zeros(1, np.uint32), np.zeros(1, np.uint32)).tolist() == [0]
